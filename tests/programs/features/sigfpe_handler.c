/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: SIGFPE, SIGILL, SIGTRAP and SIGBUS come from the instructions that cause them and can be handled */
#include "feature.h"
#include <fenv.h>
#include <setjmp.h>
#include <sys/mman.h>

static sigjmp_buf after;
static volatile int seen, code;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	seen = signal;
	code = info->si_code;
	siglongjmp(after, 1);
}

/* The code of a floating-point division by zero; 0 if it does no harm: not every emulator is exact here. */
static int floating_fault(void)
{
	volatile double nothing = 0, x = 1;

	seen = code = 0;
	if (!sigsetjmp(after, 1)) {
		feclearexcept(FE_ALL_EXCEPT);
		CHECK(feenableexcept(FE_DIVBYZERO) >= 0);
		x /= nothing;
	}
	fesetenv(FE_DFL_ENV);
	CHECK(code == 0 || seen == SIGFPE);
	return code;
}

int main(int argc, char **argv)
{
	static const int signals[] = { SIGFPE, SIGILL, SIGTRAP, SIGBUS };
	int fd;

	begin(argc, argv);
	for (int i = 0; i < 4; i++)
		handle_info(signals[i], on_fault, 0);
	fd = nameless_file();
	char *beyond = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	CHECK(beyond != MAP_FAILED);
	int expected = floating_fault();

	CHECK(expected == 0 || expected == FPE_FLTDIV);
	ready();
	do {
		volatile int zero = 0, one = 1;

		if (!sigsetjmp(after, 1)) {
			one /= zero;
			fail("divided: %d", one);
		}
		CHECK(seen == SIGFPE && code == FPE_INTDIV);
		point();
		CHECK(floating_fault() == expected);
		if (!sigsetjmp(after, 1)) {
			asm volatile("ud2");
			fail("ud2");
		}
		CHECK(seen == SIGILL && code == ILL_ILLOPN);
		if (!sigsetjmp(after, 1)) {
			asm volatile("int3");
			fail("int3");
		}
		CHECK(seen == SIGTRAP);
		point();
		if (!sigsetjmp(after, 1)) {
			*(volatile char *)beyond = 1;
			fail("it was written");
		}
		CHECK(seen == SIGBUS && code == BUS_ADRERR);
	} while (again());
	return pass();
}
