/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: user and group ids, supplementary groups, capabilities */
#include "feature.h"
#include <grp.h>
#include <linux/capability.h>

int main(int argc, char **argv)
{
	uid_t ids[3], now_ids[3];
	gid_t groups[4] = { 10, 20, 30, 4711 }, found[64];
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2], now_data[2];

	begin(argc, argv);
	if (geteuid() != 0)
		skip("not root");
	CHECK(setgroups(4, groups) == 0 && setresgid(1, 2, 3) == 0);
	CHECK(getresuid(&ids[0], &ids[1], &ids[2]) == 0 && syscall(SYS_capget, &header, data) == 0);
	ready();
	do {
		point();
		CHECK(getresuid(&now_ids[0], &now_ids[1], &now_ids[2]) == 0 && !memcmp(ids, now_ids, sizeof ids));
		CHECK(getuid() == ids[0] && geteuid() == ids[1] && getgid() == 1 && getegid() == 2);
		CHECK(getresgid(&now_ids[0], &now_ids[1], &now_ids[2]) == 0 && now_ids[2] == 3);
		CHECK(getgroups(64, found) == 4 && !memcmp(found, groups, sizeof groups));
		CHECK(syscall(SYS_capget, &header, now_data) == 0 && !memcmp(data, now_data, sizeof data));
		int fd = nameless_file();

		/* What it makes is its own. */
		CHECK(fd >= 0 && close(fd) == 0);
	} while (again());
	return pass();
}
