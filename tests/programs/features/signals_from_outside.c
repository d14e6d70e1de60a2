/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: a storm of signals from a child, one at a time and many: none is lost, none comes twice */
#include "feature.h"

#define STORM 60

static volatile int ordinary, realtime, last_value, in_order = 1;

static void on_usr1(int signal) { (void)signal; ordinary++; }

static void on_realtime(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	if (info->si_value.sival_int != last_value + 1)
		in_order = 0;
	last_value = info->si_value.sival_int;
	realtime++;
}

int main(int argc, char **argv)
{
	int there[2];

	begin(argc, argv);
	CHECK(pipe(there) == 0);
	handle(SIGUSR1, on_usr1, SA_RESTART);
	handle_info(SIGRTMIN, on_realtime, SA_RESTART);
	ready();
	do {
		ordinary = realtime = last_value = 0;
		pid_t parent = getpid(), child = split();

		if (!child) {
			for (int i = 1; i <= STORM; i++) {
				union sigval value = { .sival_int = i };

				CHECK(sigqueue(parent, SIGRTMIN, value) == 0);
				if (i % 10 == 0) {
					CHECK(kill(parent, SIGUSR1) == 0);
					/* Until it has been seen: they would merge. */
					hear(there[0]);
				}
			}
			_exit(0);
		}
		for (int i = 1; i <= STORM / 10; i++) {
			while (ordinary < i)
				burn(1);
			if (i == STORM / 20)
				busy_point();
			tell(there[1], 'x');
		}
		CHECK(exit_of(child) == 0);
		AWAIT(realtime == STORM);
		CHECK(in_order && ordinary == STORM / 10);
	} while (again());
	return pass();
}
