/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: sigwaitinfo and sigtimedwait take blocked signals, with values, or time out */
#include "feature.h"

int main(int argc, char **argv)
{
	int there[2];
	sigset_t set, realtime = only(SIGRTMIN);
	siginfo_t info;

	begin(argc, argv);
	CHECK(pipe(there) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	ready();
	do {
		struct timespec none = { 0, 0 }, little = { 0, 30000000 }, long_time = { 20, 0 };
		int64_t before = now();

		CHECK(sigtimedwait(&set, NULL, &none) == -1 && errno == EAGAIN);
		CHECK(sigtimedwait(&set, NULL, &little) == -1 && errno == EAGAIN && now() - before >= 20000000);
		pid_t parent = getpid(), child = split();

		if (!child) {
			hear(there[0]);
			for (int i = 0; i < 3; i++) {
				union sigval value = { .sival_int = 50 + i };

				CHECK(sigqueue(parent, SIGRTMIN, value) == 0);
			}
			CHECK(kill(parent, SIGUSR1) == 0);
			_exit(0);
		}
		point();
		tell(there[1], 'x');
		CHECK(sigtimedwait(&realtime, &info, &long_time) == SIGRTMIN);
		CHECK(info.si_value.sival_int == 50 && info.si_code == SI_QUEUE && info.si_pid == child);
		CHECK(exit_of(child) == 0);
		for (int i = 1; i < 3; i++)
			CHECK(sigwaitinfo(&realtime, &info) == SIGRTMIN && info.si_value.sival_int == 50 + i);
		CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_code == SI_USER);
		CHECK(sigtimedwait(&set, NULL, &none) == -1 && errno == EAGAIN);
	} while (again());
	return pass();
}
