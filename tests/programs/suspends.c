/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `suspends NODE SIGNALS` waits in sigsuspend() for so many signals that it blocks otherwise, while it is moved to the node
 * and home without a pause. One child sends the signals, each when the one before was heard and a random moment has
 * passed, another one moves.
 *
 * `suspends NODE SIGNALS CALL` makes a call that a signal ends: pause, read, poll, epoll_wait or nanosleep. When it is in the
 * call it is sent to the node, and meanwhile it gets the signal; then it is brought home. (On the way home a signal may
 * come when the kernel has just decided that the call is made again: that is so for whatever interrupts a call.)
 *
 * No signal is lost, and each ends the call.
 */
#include "program.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <sys/wait.h>

/* A signal that has not been heard after this is lost; ms. */
#define PATIENCE 30000

static volatile sig_atomic_t heard, all_sent;

static void on_usr1(int signal) { (void)signal; heard++; }
static void on_child(int signal) { (void)signal; all_sent = 1; }

static void handle(int signal, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	CHECK(sigaction(signal, &action, NULL) == 0);
}

/* A moment that is different each time. */
static void wait_a_moment(long number)
{
	usleep(number * 7919 % 23000);
}

static void await_answer(pid_t from, int answers, long number)
{
	struct pollfd answer = { .fd = answers, .events = POLLIN };
	char byte;

	if (poll(&answer, 1, PATIENCE) != 1) {
		kill(from, SIGKILL);
		fail("signal %ld was lost", number);
	}
	CHECK(read(answers, &byte, 1) == 1);
}

static void send_signals(pid_t to, int answers, long signals)
{
	for (long number = 1; number <= signals; number++) {
		wait_a_moment(number);
		CHECK(kill(to, SIGUSR1) == 0);
		await_answer(to, answers, number);
	}
	exit(0);
}

static void move_once(pid_t pid, const char *to)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/hpc/pids/%d/goto", pid);
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && write(fd, to, strlen(to)) > 0 && close(fd) == 0);
}

static void move(pid_t pid, const char *node)
{
	for (;;) {
		move_once(pid, node);
		move_once(pid, "home");
	}
}

/* A call, and what it waits for: nothing, for ever. */
struct call { const char *name; int number; };
static const struct call calls[] = {
	{ "pause", SYS_pause }, { "read", SYS_read }, { "poll", SYS_poll }, { "epoll_wait", SYS_epoll_wait },
	{ "nanosleep", SYS_clock_nanosleep },
};
static int ends[2], epoll;

static int make(const struct call *call)
{
	struct pollfd end = { .fd = ends[0], .events = POLLIN };
	struct timespec day = { 86400, 0 };
	struct epoll_event event;
	char byte;

	switch (call->number) {
	case SYS_pause: return pause();
	case SYS_read: return read(ends[0], &byte, 1);
	case SYS_poll: return poll(&end, 1, -1);
	case SYS_epoll_wait: return epoll_wait(epoll, &event, 1, -1);
	default: return nanosleep(&day, NULL);
	}
}

/* Until the process is asleep in the call, or goes on with it after a move. */
static void await_call(pid_t pid, int number)
{
	char path[64], text[64];

	snprintf(path, sizeof path, "/proc/%d/syscall", pid);
	for (;;) {
		int fd = open(path, O_RDONLY);

		CHECK(fd >= 0);
		ssize_t length = read(fd, text, sizeof text - 1);

		close(fd);
		text[length < 0 ? 0 : length] = 0;
		if (length > 0 && text[0] != 'r' && (atoi(text) == number || atoi(text) == SYS_restart_syscall))
			return;
		usleep(1000);
	}
}

static void move_and_signal(pid_t pid, int answers, const struct call *call, const char *node, long signals)
{
	int status;

	for (long number = 1; number <= signals; number++) {
		await_call(pid, call->number);
		pid_t mover = fork();

		CHECK(mover >= 0);
		if (mover == 0) {
			move_once(pid, node);
			_exit(0);
		}
		wait_a_moment(number);
		CHECK(kill(pid, SIGUSR1) == 0);
		await_answer(pid, answers, number);
		CHECK(waitpid(mover, &status, 0) == mover && status == 0);
		move_once(pid, "home");
	}
	exit(0);
}

static const struct call *named(const char *name)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	fail("no such call: %s", name);
}

static int interrupted(const char *node, long signals, const struct call *call)
{
	int answers[2], status;
	pid_t self = getpid();

	CHECK(pipe(answers) == 0 && pipe(ends) == 0 && (epoll = epoll_create1(0)) >= 0);
	handle(SIGUSR1, on_usr1);
	pid_t sender = fork();

	CHECK(sender >= 0);
	if (sender == 0)
		move_and_signal(self, answers[0], call, node, signals);
	for (long i = 1; i <= signals; i++) {
		CHECK(make(call) == -1 && errno == EINTR && heard == i);
		CHECK(write(answers[1], "x", 1) == 1);
	}
	CHECK(waitpid(sender, &status, 0) == sender && status == 0);
	printf("PASS\n");
	return 0;
}

int main(int argc, char **argv)
{
	int answers[2], status;
	sigset_t blocked, before;

	if (argc == 4)
		return interrupted(argv[1], atol(argv[2]), named(argv[3]));
	if (argc != 3)
		fail("usage: suspends NODE SIGNALS [CALL]");
	CHECK(pipe(answers) == 0);
	handle(SIGUSR1, on_usr1);
	handle(SIGCHLD, on_child);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGCHLD);
	CHECK(sigprocmask(SIG_BLOCK, &blocked, &before) == 0);

	long signals = atol(argv[2]);
	pid_t self = getpid(), mover = fork();

	CHECK(mover >= 0);
	if (mover == 0)
		move(self, argv[1]);
	pid_t sender = fork();

	CHECK(sender >= 0);
	if (sender == 0)
		send_signals(self, answers[0], signals);
	for (long answered = 0; !all_sent;) {
		CHECK(sigsuspend(&before) == -1 && errno == EINTR);
		CHECK(heard - answered <= 1);
		for (; answered < heard; answered++)
			CHECK(write(answers[1], "x", 1) == 1);
	}
	CHECK(waitpid(sender, &status, 0) == sender && status == 0 && heard == signals);
	/* It has nothing to say that ends it. */
	CHECK(waitpid(mover, &status, WNOHANG) == 0);
	CHECK(kill(mover, SIGKILL) == 0 && waitpid(mover, &status, 0) == mover);
	printf("PASS\n");
	return 0;
}
