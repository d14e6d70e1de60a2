/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: pid, parent, thread, group and session ids are the same everywhere, and /proc/self is the process */
#include "feature.h"

int main(int argc, char **argv)
{
	char link[32], line[512];

	begin(argc, argv);
	pid_t pid = getpid(), parent = getppid(), group = getpgrp(), session = getsid(0);
	int there[2];

	CHECK(pipe(there) == 0);
	ready();
	do {
		point();
		CHECK(getpid() == pid && getppid() == parent && gettid() == pid && getpgrp() == group && getsid(0) == session);
		CHECK(syscall(SYS_getpid) == pid && syscall(SYS_gettid) == pid && syscall(SYS_getppid) == parent);
		CHECK(getpgid(pid) == group && getsid(pid) == session && kill(pid, 0) == 0);
		ssize_t length = readlink("/proc/self", link, sizeof link - 1);

		CHECK(length > 0);
		link[length] = 0;
		CHECK(atoi(link) == pid);
		FILE *status = fopen("/proc/self/status", "r");
		int found = 0, value;

		CHECK(status);
		while (fgets(line, sizeof line, status))
			found += (sscanf(line, "Pid: %d", &value) == 1 && value == pid) +
				 (sscanf(line, "Tgid: %d", &value) == 1 && value == pid) +
				 (sscanf(line, "PPid: %d", &value) == 1 && value == parent);
		CHECK(fclose(status) == 0 && found == 3);
		pid_t child = split();

		if (!child) {
			CHECK(getppid() == pid && getpgrp() == group && getsid(0) == session);
			CHECK(getpid() != pid && gettid() == getpid());
			tell(there[1], getpid() & 0x7f);
			_exit(0);
		}
		CHECK(hear(there[0]) == (child & 0x7f));
		CHECK(exit_of(child) == 0);
	} while (again());
	return pass();
}
