/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: SA_ONSTACK: handlers run on the alternate stack, nested too; it can be asked for and disabled */
#include "feature.h"
#include <sys/mman.h>

#define SIZE (64 << 10)

static char *stack;
static volatile int on_it, disabled_inside, nested_on_it;

static int is_on_stack(const void *here)
{
	return (const char *)here >= stack && (const char *)here < stack + SIZE;
}

static void on_usr2(int signal)
{
	char here;

	(void)signal;
	nested_on_it = is_on_stack(&here);
}

static void on_usr1(int signal)
{
	char here;
	stack_t current, none = { .ss_flags = SS_DISABLE };

	(void)signal;
	on_it = is_on_stack(&here);
	CHECK(sigaltstack(NULL, &current) == 0 && current.ss_flags == SS_ONSTACK);
	disabled_inside = sigaltstack(&none, NULL) == -1 && errno == EPERM;
	CHECK(raise(SIGUSR2) == 0);
	point();
	CHECK(is_on_stack(&here));
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(stack != MAP_FAILED);
	handle(SIGUSR1, on_usr1, SA_ONSTACK);
	handle(SIGUSR2, on_usr2, SA_ONSTACK);
	ready();
	do {
		stack_t set = { .ss_sp = stack, .ss_size = SIZE }, none = { .ss_flags = SS_DISABLE }, found;

		CHECK(sigaltstack(&set, NULL) == 0);
		point();
		CHECK(sigaltstack(NULL, &found) == 0 && found.ss_sp == stack && found.ss_size == SIZE && found.ss_flags == 0);
		CHECK(raise(SIGUSR1) == 0);
		CHECK(on_it && disabled_inside && nested_on_it);
		CHECK(sigaltstack(&none, NULL) == 0 && raise(SIGUSR2) == 0 && !nested_on_it);
	} while (again());
	return pass();
}
