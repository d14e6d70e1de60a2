/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: a fault of one thread is handled by that thread, on its own signal stack */
#include "feature.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>

#define THREADS 2
#define FAULTS 10

static __thread sigjmp_buf after;
static __thread void *volatile at;
static __thread char *stack;
static __thread int on_own_stack;
static char *page;
static volatile int gate, waiting;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	char here;

	(void)signal, (void)context;
	at = info->si_addr;
	on_own_stack = &here >= stack && &here < stack + (64 << 10);
	siglongjmp(after, 1);
}

static void *fault(void *argument)
{
	long number = (long)argument;
	stack_t own = { .ss_sp = stack = malloc(64 << 10), .ss_size = 64 << 10 };

	CHECK(stack && sigaltstack(&own, NULL) == 0);
	__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	while (!gate)
		nap(1);
	for (int i = 0; i < FAULTS; i++) {
		volatile char *where = page + number * 100 + i;

		if (!sigsetjmp(after, 1)) {
			*where = 1;
			fail("it was written");
		}
		CHECK(at == where && on_own_stack);
	}
	free(stack);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	begin(argc, argv);
	handle_info(SIGSEGV, on_fault, SA_ONSTACK);
	page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	ready();
	do {
		gate = waiting = 0;
		for (long i = 0; i < THREADS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, fault, (void *)i));
		AWAIT(waiting == THREADS);
		point();
		gate = 1;
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
	} while (again());
	return pass();
}
