/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: signalfd: signals are read from a descriptor, polled for, with sender and value */
#include "feature.h"
#include <sys/signalfd.h>

int main(int argc, char **argv)
{
	int there[2];
	sigset_t set;
	struct signalfd_siginfo info[4];

	begin(argc, argv);
	CHECK(pipe(there) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 2);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	CHECK(fd >= 0);
	ready();
	do {
		union sigval value = { .sival_int = 900 + run.round };

		CHECK(read(fd, info, sizeof info) == -1 && errno == EAGAIN);
		pid_t parent = getpid(), child = split();

		if (!child) {
			hear(there[0]);
			CHECK(kill(parent, SIGUSR1) == 0);
			_exit(0);
		}
		CHECK(poll(&polled, 1, 0) == 0);
		point();
		tell(there[1], 'x');
		CHECK(poll(&polled, 1, 20000) == 1 && polled.revents == POLLIN);
		CHECK(read(fd, info, sizeof info) == sizeof info[0]);
		CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_pid == (uint32_t)child && info[0].ssi_code == SI_USER);
		CHECK(exit_of(child) == 0);
		for (int i = 0; i < 3; i++)
			CHECK(sigqueue(getpid(), SIGRTMIN + 2, value) == 0);
		point();
		CHECK(read(fd, info, sizeof info) == 3 * sizeof info[0]);
		for (int i = 0; i < 3; i++)
			CHECK(info[i].ssi_signo == (uint32_t)SIGRTMIN + 2 && info[i].ssi_int == value.sival_int);
	} while (again());
	return pass();
}
