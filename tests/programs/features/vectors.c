/* SPDX-License-Identifier: GPL-2.0-only */
/* files: readv, writev, preadv2 and pwritev2 with awkward parts; bad pointers give EFAULT */
#include "feature.h"
#include <sys/uio.h>

#define SIZE 70001

static char out[SIZE], in[SIZE + 5000];

int main(int argc, char **argv)
{
	volatile int too_many = 5000;

	begin(argc, argv);
	ready();
	do {
		int fd = nameless_file();
		struct iovec writes[4] = { { "abc", 3 }, { NULL, 0 }, { out, SIZE }, { "end", 3 } };
		struct iovec reads[3] = { { in, 1 }, { in + 100, 5000 }, { in + 5100, SIZE - 5100 } };

		fill(out, SIZE, run.round);
		CHECK(writev(fd, writes, 4) == SIZE + 6);
		point();
		CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, reads, 3) == 1 + 5000 + SIZE - 5100);
		CHECK(in[0] == 'a' && in[100] == 'b' && in[101] == 'c');
		CHECK(!memcmp(in + 102, out, 4998) && !memcmp(in + 5100, out + 4998, SIZE - 5100));
		CHECK(preadv2(fd, reads, 2, SIZE + 3, 0) == 3 && in[0] == 'e' && in[100] == 'n' && in[101] == 'd');
		CHECK(pwritev2(fd, writes, 1, 0, RWF_APPEND) == 3 && lseek(fd, 0, SEEK_END) == SIZE + 9);
		reads[1].iov_base = address(8);
		CHECK(preadv(fd, reads, 2, 0) == 1 || errno == EFAULT);
		CHECK(read(fd, address(8), 10) == 0 && pread(fd, address(8), 10, 0) == -1 && errno == EFAULT);
		CHECK(readv(fd, reads, too_many) == -1 && errno == EINVAL);
		CHECK(writev(-1, writes, 1) == -1 && errno == EBADF && close(fd) == 0);
	} while (again());
	return pass();
}
