// SPDX-License-Identifier: GPL-2.0-only
/* HMAC-SHA256 through the kernel's crypto API, and random numbers. */
#include <crypto/hash.h>
#include <linux/module.h>
#include <linux/random.h>

#include "shim.h"

int om_hmac(const u8 *key, unsigned int key_len, const u8 *data, unsigned int len, u8 out[32])
{
	struct crypto_shash *tfm = crypto_alloc_shash("hmac(sha256)", 0, 0);
	int ret;

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	ret = crypto_shash_setkey(tfm, key, key_len);
	if (!ret)
		ret = crypto_shash_tfm_digest(tfm, data, len, out);
	crypto_free_shash(tfm);
	return ret;
}

void om_random(void *buf, size_t len) { get_random_bytes(buf, len); }
