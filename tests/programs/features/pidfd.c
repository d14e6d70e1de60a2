/* SPDX-License-Identifier: GPL-2.0-only */
/* life: pidfds: poll, waitid(P_PIDFD), pidfd_send_signal, pidfd_getfd, CLONE_PIDFD */
#include "feature.h"
#include <linux/sched.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

int main(int argc, char **argv)
{
	int there[2];

	begin(argc, argv);
	CHECK(pipe(there) == 0);
	ready();
	do {
		siginfo_t info = { 0 };
		pid_t child = split();

		if (!child)
			_exit(hear(there[0]));
		int fd = syscall(SYS_pidfd_open, child, 0);
		struct pollfd polled = { .fd = fd, .events = POLLIN };

		CHECK(fd >= 0 && poll(&polled, 1, 0) == 0);
		/* The child's end of the pipe, by way of the child. */
		int theirs = syscall(SYS_pidfd_getfd, fd, there[0], 0);

		CHECK(theirs >= 0 && close(theirs) == 0);
		point();
		CHECK(poll(&polled, 1, 10) == 0);
		tell(there[1], 17);
		CHECK(poll(&polled, 1, 20000) == 1 && polled.revents == POLLIN);
		CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0);
		CHECK(info.si_pid == child && info.si_code == CLD_EXITED && info.si_status == 17);
		CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == -1 && errno == ESRCH && close(fd) == 0);

		struct clone_args arguments = {
			.flags = CLONE_PIDFD, .pidfd = (uint64_t)&fd, .exit_signal = SIGCHLD,
		};

		child = syscall(SYS_clone3, &arguments, sizeof arguments);
		CHECK(child >= 0);
		if (!child)
			for (;;)
				pause();
		CHECK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == 0);
		CHECK(waitid(P_PIDFD, fd, &info, WEXITED) == 0);
		CHECK(info.si_pid == child && info.si_code == CLD_KILLED && info.si_status == SIGTERM && close(fd) == 0);
	} while (again());
	return pass();
}
