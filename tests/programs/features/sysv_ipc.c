/* SPDX-License-Identifier: GPL-2.0-only */
/* files: System V message queues and semaphores, with undo, between processes */
#include "feature.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

struct message { long type; char text[32]; };

int main(int argc, char **argv)
{
	begin(argc, argv);
	int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600), semaphores = semget(IPC_PRIVATE, 2, IPC_CREAT | 0600);

	CHECK(queue >= 0 && semaphores >= 0);
	ready();
	do {
		struct message message = { 5, "five" };
		struct sembuf up = { 0, 2, 0 }, down = { 0, -1, 0 }, undone = { 1, 7, SEM_UNDO };

		CHECK(msgsnd(queue, &message, 5, 0) == 0);
		message = (struct message){ 3, "three" };
		CHECK(msgsnd(queue, &message, 6, 0) == 0);
		pid_t child = split();

		if (!child) {
			CHECK(semop(semaphores, &undone, 1) == 0 && semctl(semaphores, 1, GETVAL) == 7);
			CHECK(semop(semaphores, &down, 1) == 0 && semop(semaphores, &down, 1) == 0);
			CHECK(msgrcv(queue, &message, sizeof message.text, 5, 0) == 5 && !strcmp(message.text, "five"));
			_exit(0);
		}
		point();
		CHECK(msgrcv(queue, &message, sizeof message.text, -4, 0) == 6 && !strcmp(message.text, "three"));
		CHECK(semop(semaphores, &up, 1) == 0);
		CHECK(exit_of(child) == 0);
		CHECK(semctl(semaphores, 0, GETVAL) == 0 && semctl(semaphores, 1, GETVAL) == 0);
		CHECK(msgrcv(queue, &message, sizeof message.text, 0, IPC_NOWAIT) == -1 && errno == ENOMSG);
		CHECK(semctl(semaphores, 0, GETPID) == child || semctl(semaphores, 0, GETPID) == getpid());
	} while (again());
	CHECK(msgctl(queue, IPC_RMID, NULL) == 0 && semctl(semaphores, 0, IPC_RMID) == 0);
	return pass();
}
