/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: a thread sends signals to itself while another one gives them a handler, for once too, and takes it away */
#include "feature.h"
#include <pthread.h>

#define CHANGES 20

static volatile int sent, over, heard_usr1, heard_urg;

static void on_usr1(int signal) { (void)signal; heard_usr1++; }
static void on_urg(int signal) { (void)signal; heard_urg++; }

static void *send(void *unused)
{
	(void)unused;
	while (!over) {
		CHECK(raise(SIGUSR1) == 0 && raise(SIGURG) == 0);
		sent++;
	}
	return NULL;
}

static void act(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	CHECK(sigaction(signal, &action, NULL) == 0);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		pthread_t thread;
		int before = sent;

		over = heard_usr1 = heard_urg = 0;
		act(SIGUSR1, on_usr1, 0);
		act(SIGURG, on_urg, 0);
		CHECK_0(pthread_create(&thread, NULL, send, NULL));
		for (int i = 0; i < CHANGES || sent - before < 10; i++) {
			/* Not to its default, which would end the process; that of the other one is to be ignored. */
			act(SIGUSR1, SIG_IGN, 0);
			act(SIGURG, on_urg, i % 2 ? SA_RESETHAND : 0);
			act(SIGUSR1, on_usr1, SA_NODEFER);
			act(SIGURG, SIG_DFL, 0);
		}
		over = 1;
		CHECK_0(pthread_join(thread, NULL));
		CHECK(heard_usr1 <= sent - before && heard_urg <= sent - before);
		/* The last word counts. */
		act(SIGUSR1, on_usr1, SA_RESETHAND);
		heard_usr1 = 0;
		CHECK(raise(SIGUSR1) == 0 && heard_usr1 == 1);
		point();
	} while (again());
	return pass();
}
