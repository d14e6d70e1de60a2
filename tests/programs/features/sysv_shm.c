/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: System V shared memory: attached, shared with a child, counted, removed when the last one leaves */
#include "feature.h"
#include <sys/ipc.h>
#include <sys/shm.h>

#define SIZE (16 * PAGE)

int main(int argc, char **argv)
{
	struct shmid_ds state;

	begin(argc, argv);
	ready();
	do {
		int id = shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600);
		char *memory = shmat(id, NULL, 0);

		CHECK(id >= 0 && memory != (void *)-1);
		fill(memory, SIZE, run.round);
		point();
		CHECK(is_filled(memory, SIZE, run.round));
		CHECK(shmctl(id, IPC_STAT, &state) == 0 && state.shm_nattch == 1 && state.shm_cpid == getpid());
		pid_t child = split();

		if (!child) {
			char *again = shmat(id, NULL, SHM_RDONLY);

			CHECK(again != (void *)-1 && is_filled(again, SIZE, run.round));
			CHECK(shmctl(id, IPC_STAT, &state) == 0 && state.shm_nattch == 3);
			memory[9] = 'c';
			CHECK(again[9] == 'c' && shmdt(again) == 0);
			_exit(0);
		}
		CHECK(exit_of(child) == 0);
		CHECK(memory[9] == 'c' && shmctl(id, IPC_RMID, NULL) == 0);
		point();
		/* Who looks at the dead child's memory, as ps does, keeps it for a moment. */
		AWAIT(memory[9] == 'c' && shmctl(id, IPC_STAT, &state) == 0 && state.shm_nattch == 1);
		CHECK(shmdt(memory) == 0 && shmctl(id, IPC_STAT, &state) == -1);
	} while (again());
	return pass();
}
