/* SPDX-License-Identifier: GPL-2.0-only */
/* processor: restartable sequences stay registered: the processor number is kept up to date, aborts happen */
#include "feature.h"
#include <sched.h>
#include <sys/rseq.h>

static struct rseq *area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

/* Adds one to a counter unless the kernel interrupts it; whether it did. */
static int add(volatile long *counter, long spins)
{
	long done = 0;

	asm volatile(
		".pushsection __rseq_cs, \"aw\"\n .balign 32\n"
		"3: .long 0, 0\n .quad 1f, 2f - 1f, 4f\n .popsection\n"
		"leaq 3b(%%rip), %%rax\n movq %%rax, %[cs]\n"
		"1: decq %[spins]\n jnz 1b\n"
		"incq %[counter]\n"
		"2: movq $1, %[done]\n jmp 5f\n"
		".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
		"4:\n"
		"5:\n"
		: [done] "+r"(done), [spins] "+r"(spins), [counter] "+m"(*counter), [cs] "=m"(area()->rseq_cs)
		: : "rax", "memory", "cc");
	return done;
}

int main(int argc, char **argv)
{
	volatile long counter;

	begin(argc, argv);
	if (!__rseq_size)
		skip("libc does not use rseq");
	ready();
	do {
		long finished = 0;

		counter = 0;
		for (int i = 0; i < 200; i++)
			finished += add(&counter, 2000);
		CHECK(counter == finished && finished > 0);
		point();
		unsigned cpu;

		CHECK(syscall(SYS_getcpu, &cpu, NULL, NULL) == 0);
		/* It may have changed since. */
		for (int tries = 0; area()->cpu_id != cpu && tries < 100; tries++)
			CHECK(syscall(SYS_getcpu, &cpu, NULL, NULL) == 0);
		CHECK(area()->cpu_id == cpu);
		/* It is registered: twice is an error. */
		CHECK(syscall(SYS_rseq, area(), sizeof *area(), 0, RSEQ_SIG) == -1 && (errno == EBUSY || errno == EINVAL));
	} while (again());
	return pass();
}
