/* SPDX-License-Identifier: GPL-2.0-only */
/* files: POSIX message queues: priorities, time-outs, notification by signal */
#include "feature.h"
#include <mqueue.h>

static volatile int notified;

static void on_usr1(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	notified += info->si_code == SI_MESGQ && info->si_value.sival_int == 99;
}

int main(int argc, char **argv)
{
	char name[32], text[64];
	unsigned priority;
	struct mq_attr attributes = { .mq_maxmsg = 4, .mq_msgsize = sizeof text };

	begin(argc, argv);
	handle_info(SIGUSR1, on_usr1, SA_RESTART);
	snprintf(name, sizeof name, "/feature.%d", getpid());
	mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);

	if (queue == (mqd_t)-1 && errno == ENOSYS)
		skip("no message queues");
	CHECK(queue != (mqd_t)-1 && mq_unlink(name) == 0);
	ready();
	do {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
		struct timespec past = { 1, 0 };

		event.sigev_value.sival_int = 99;
		notified = 0;
		CHECK(mq_notify(queue, &event) == 0);
		pid_t child = split();

		if (!child) {
			CHECK(mq_send(queue, "low", 3, 1) == 0 && mq_send(queue, "high", 4, 9) == 0);
			_exit(0);
		}
		CHECK(exit_of(child) == 0);
		point();
		AWAIT(notified == 1);
		CHECK(mq_receive(queue, text, sizeof text, &priority) == 4 && priority == 9 && !memcmp(text, "high", 4));
		CHECK(mq_receive(queue, text, sizeof text, &priority) == 3 && priority == 1);
		CHECK(mq_timedreceive(queue, text, sizeof text, NULL, &past) == -1 && errno == ETIMEDOUT);
		CHECK(mq_getattr(queue, &attributes) == 0 && attributes.mq_curmsgs == 0 && attributes.mq_maxmsg == 4);
	} while (again());
	return pass();
}
