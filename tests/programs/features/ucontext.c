/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: coroutines with swapcontext, and a handler that resumes elsewhere */
#include "feature.h"
#include <ucontext.h>

static ucontext_t main_context, other_context;
static volatile int steps;
static char stack[64 << 10];

static void coroutine(int from)
{
	for (int i = 0; i < 5; i++) {
		steps += from;
		CHECK(swapcontext(&other_context, &main_context) == 0);
	}
	steps += 1000;
}

static void on_usr1(int signal, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	(void)signal, (void)info;
	/* Where the program goes on, with what in a register. */
	machine->uc_mcontext.gregs[REG_RBX] = 55;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	handle_info(SIGUSR1, on_usr1, 0);
	ready();
	do {
		long bx = 1, pid = getpid();

		steps = 0;
		CHECK(getcontext(&other_context) == 0);
		other_context.uc_stack.ss_sp = stack;
		other_context.uc_stack.ss_size = sizeof stack;
		other_context.uc_link = &main_context;
		makecontext(&other_context, (void (*)(void))coroutine, 1, 3);
		for (int i = 0; i < 6; i++) {
			CHECK(swapcontext(&main_context, &other_context) == 0);
			if (i == 2)
				point();
		}
		CHECK(steps == 1015);
		asm volatile("syscall" : "+b"(bx) : "a"((long)SYS_kill), "D"(pid), "S"((long)SIGUSR1)
			     : "rcx", "r11", "memory");
		CHECK(bx == 55);
	} while (again());
	return pass();
}
