/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: nice value, affinity, scheduling policy and I/O priority are kept and can be changed */
#include "feature.h"
#include <sched.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
	cpu_set_t set, found;
	struct sched_param parameter = { 0 };

	begin(argc, argv);
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0);
	int cpu = 0;

	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 3) == 0);
	CHECK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6) == 0);
	ready();
	do {
		point();
		CHECK(sched_getaffinity(0, sizeof found, &found) == 0 && CPU_EQUAL(&set, &found));
		CHECK(getpriority(PRIO_PROCESS, 0) == 3 + run.round % 5 && syscall(SYS_ioprio_get, 1, 0) == (2 << 13 | 6));
		CHECK(setpriority(PRIO_PROCESS, 0, 3 + (run.round + 1) % 5) == 0 || errno == EACCES);
		CHECK(sched_getscheduler(0) == SCHED_OTHER);
		CHECK(sched_setscheduler(0, SCHED_BATCH, &parameter) == 0 && sched_getscheduler(0) == SCHED_BATCH);
		CHECK(sched_setscheduler(0, SCHED_OTHER, &parameter) == 0);
		CPU_ZERO(&found);
		CHECK(sched_setaffinity(0, sizeof found, &found) == -1 && errno == EINVAL);
		CHECK(sched_yield() == 0 && sched_getcpu() >= 0);
		CHECK(sched_get_priority_max(SCHED_FIFO) == 99);
	} while (again());
	return pass();
}
