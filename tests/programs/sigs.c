/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals: handlers, values, masks, alternate stacks, timers, interrupted and restarted calls, faults.
 * From outside it takes SIGUSR1 (counted; a changed count is printed after the round) and SIGTERM (ends it,
 * in order).
 */
#include "program.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/time.h>

static volatile sig_atomic_t usr1_count, term_received, alarms, value_received, on_alternate_stack;
static int self_pipe[2];
static char alternate_stack[64 << 10];
static sigjmp_buf after_fault;
static void *volatile fault_address;
static volatile int fault_code;

static void on_usr1(int signal) { (void)signal; usr1_count++; }
static void on_term(int signal) { (void)signal; term_received = 1; }
static void on_alarm(int signal) { (void)signal; alarms++; }

static void on_alarm_writing(int signal)
{
	(void)signal;
	if (++alarms == 3)
		CHECK(write(self_pipe[1], "x", 1) == 1);
}

static void on_value(int signal, siginfo_t *info, void *context)
{
	char here;

	(void)signal, (void)context;
	CHECK(info->si_pid == getpid());
	value_received = info->si_value.sival_int;
	on_alternate_stack = &here >= alternate_stack && &here < alternate_stack + sizeof alternate_stack;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	fault_address = info->si_addr;
	fault_code = info->si_code;
	siglongjmp(after_fault, 1);
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	CHECK(sigaction(signal, &action, NULL) == 0);
}

static void handle_info(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	CHECK(sigaction(signal, &action, NULL) == 0);
}

static void tick(long microseconds)
{
	struct itimerval timer = { { 0, microseconds }, { 0, microseconds } };

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void values_and_stacks(void)
{
	stack_t stack = { .ss_sp = alternate_stack, .ss_size = sizeof alternate_stack };
	union sigval value = { .sival_int = 1000 + rounds_done };

	CHECK(sigaltstack(&stack, NULL) == 0);
	handle_info(SIGUSR2, on_value, SA_ONSTACK);
	CHECK(sigqueue(getpid(), SIGUSR2, value) == 0);
	CHECK(value_received == value.sival_int && on_alternate_stack);
}

static void masks(void)
{
	sigset_t set, old, pending;
	union sigval value = { .sival_int = -1 - rounds_done };
	siginfo_t info;
	struct timespec ten_seconds = { 10, 0 };

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	value_received = 0;
	CHECK(sigqueue(getpid(), SIGUSR2, value) == 0);
	CHECK(value_received == 0);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR2));
	CHECK(sigtimedwait(&set, &info, &ten_seconds) == SIGUSR2);
	CHECK(info.si_value.sival_int == value.sival_int);
	CHECK(sigqueue(getpid(), SIGUSR2, value) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK(value_received == value.sival_int);
}

static void interrupted_calls(void)
{
	char byte;

	/* Restarted: the third alarm's handler ends the read by writing. */
	alarms = 0;
	handle(SIGALRM, on_alarm_writing, SA_RESTART);
	tick(5000);
	CHECK(read(self_pipe[0], &byte, 1) == 1 && byte == 'x');
	CHECK(alarms >= 3);
	/* Not restarted. */
	handle(SIGALRM, on_alarm, 0);
	CHECK(read(self_pipe[0], &byte, 1) == -1 && errno == EINTR);
	CHECK(pause() == -1 && errno == EINTR);
	tick(0);
	handle(SIGALRM, SIG_IGN, 0);
}

static void faults(void)
{
	handle_info(SIGSEGV, on_fault, 0);
	handle_info(SIGFPE, on_fault, 0);
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	if (!sigsetjmp(after_fault, 1)) {
		*(volatile char *)(page + 77) = 1;
		fail("a read-only page was written");
	}
	CHECK(fault_address == page + 77 && fault_code == SEGV_ACCERR);
	CHECK(munmap(page, 4096) == 0);
	if (!sigsetjmp(after_fault, 1)) {
		*(volatile char *)(page + 78) = 1;
		fail("an unmapped page was written");
	}
	CHECK(fault_address == page + 78 && fault_code == SEGV_MAPERR);
	if (!sigsetjmp(after_fault, 1)) {
		volatile int zero = 0, one = 1;

		one /= zero;
		fail("a division by zero gave %d", one);
	}
	CHECK(fault_code == FPE_INTDIV);
	handle(SIGSEGV, SIG_DFL, 0);
	handle(SIGFPE, SIG_DFL, 0);
}

int main(int argc, char **argv)
{
	start(argc, argv);
	CHECK(pipe2(self_pipe, O_CLOEXEC) == 0);
	handle(SIGUSR1, on_usr1, SA_RESTART);
	handle(SIGTERM, on_term, SA_RESTART);
	puts("ready");
	fflush(stdout);
	do {
		static int printed;

		values_and_stacks();
		masks();
		interrupted_calls();
		faults();
		if (usr1_count != printed) {
			printf("usr1 %d\n", printed = usr1_count);
			fflush(stdout);
		}
	} while (another_round() && !term_received);
	if (term_received)
		puts("term");
	return pass();
}
