/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: names of threads and the list of them in /proc/self/task */
#include "feature.h"
#include <dirent.h>
#include <pthread.h>

#define THREADS 3

static volatile int tids[THREADS], stop;

static void *live(void *argument)
{
	long number = (long)argument;
	char name[16], found[16];

	snprintf(name, sizeof name, "thread-%ld", number);
	CHECK_0(pthread_setname_np(pthread_self(), name));
	tids[number] = gettid();
	while (!stop)
		nap(1);
	CHECK_0(pthread_getname_np(pthread_self(), found, sizeof found));
	CHECK(!strcmp(name, found));
	return NULL;
}

static int listed(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int found = 0;

	CHECK(tasks);
	for (struct dirent *entry; (entry = readdir(tasks));)
		found += entry->d_name[0] != '.';
	CHECK(closedir(tasks) == 0);
	return found;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	char path[64], line[32], expected[32];

	begin(argc, argv);
	ready();
	do {
		stop = 0;
		for (long i = 0; i < THREADS; i++) {
			tids[i] = 0;
			CHECK_0(pthread_create(&threads[i], NULL, live, (void *)i));
		}
		for (int i = 0; i < THREADS; i++)
			AWAIT(tids[i]);
		point();
		/* One that has been joined may still be ending. */
		AWAIT(listed() == THREADS + 1);
		for (int i = 0; i < THREADS; i++) {
			snprintf(path, sizeof path, "/proc/self/task/%d/comm", tids[i]);
			snprintf(expected, sizeof expected, "thread-%d\n", i);
			FILE *comm = fopen(path, "r");

			CHECK(comm && fgets(line, sizeof line, comm) && fclose(comm) == 0);
			CHECK(!strcmp(line, expected));
		}
		stop = 1;
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
	} while (again());
	return pass();
}
