/* SPDX-License-Identifier: GPL-2.0-only */
/* life: a child dies of each signal that kills, by its own doing, and the parent hears which */
#include "feature.h"
#include <sys/mman.h>

static void die_of(int signal)
{
	struct rlimit none = { 0, 0 };
	volatile int zero = 0;
	int ends[2];

	CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
	switch (signal) {
	case SIGILL:
		asm volatile("ud2");
		break;
	case SIGTRAP:
		asm volatile("int3");
		break;
	case SIGABRT:
		abort();
	case SIGFPE:
		zero = 100 / zero;
		break;
	case SIGSEGV:
		*(volatile char *)address(8) = 1;
		break;
	case SIGBUS:
		*(volatile char *)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, nameless_file(), 0) = 1;
		break;
	case SIGPIPE:
		CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
		tell(ends[1], 'x');
		break;
	case SIGALRM:
		alarm(1);
		pause();
		break;
	case SIGXFSZ:
		CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
		tell(nameless_file(), 'x');
		break;
	default:
		raise(signal);
	}
	fail("signal %d did not kill", signal);
}

int main(int argc, char **argv)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGPIPE,
		SIGTERM, SIGXFSZ, SIGSYS, SIGIO, 40,
	};
	size_t count = sizeof signals / sizeof *signals;

	begin(argc, argv);
	ready();
	do {
		for (size_t i = 0; i < count; i++) {
			pid_t child = split();

			if (!child)
				die_of(signals[i]);
			if (i == count / 2)
				point();
			int status = status_of(child);

			if (!WIFSIGNALED(status) || WTERMSIG(status) != signals[i])
				fail("status %#x instead of signal %d", status, signals[i]);
		}
	} while (again());
	return pass();
}
