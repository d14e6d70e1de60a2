/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `stir REPORT NODE MILLISECONDS COMMAND [ARGUMENT ...]` runs a command and moves it, its children and their children
 * to and fro between home and a node, each every so many milliseconds, until the command ends. If the moves take long,
 * it lets them all do something for twice as long as their moves took: otherwise they would do nothing but move. With
 * 0 milliseconds it only runs it. What the command leaves behind is killed. The exit status is the command's; the report says
 *
 *     moved N              how many moves there were, of all processes
 *     refused N REASON     for each reason
 */
#include "program.h"
#include "reasons.h"
#include <dirent.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define MOVERS 64
#define LONG 3000	/* milliseconds that a move may take before others are sent off again */

/* One process that writes to a `goto` and waits: what it says fits into an exit and a pipe. */
static struct { pid_t mover; int pid, said; } movers[MOVERS];
static const char *node;
static long moved;

/* Sends a process to the other place, and says why if it does not go. Does not return. */
static void move(int pid, int said)
{
	char path[64], text[256] = "";

	snprintf(path, sizeof path, "/proc/hpc/pids/%d/where", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof text - 1) < 1)
		_exit(2);
	close(fd);
	const char *to = text[0] == '0' ? node : "home";

	snprintf(path, sizeof path, "/proc/hpc/pids/%d/goto", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		_exit(2);
	if (write(fd, to, strlen(to)) > 0)
		_exit(0);
	int error = errno;

	if (error == ESRCH || error == ENOENT)
		_exit(2);
	ssize_t length = pread(fd, text, sizeof text - 1, 0);

	text[length < 0 ? 0 : length] = 0;
	text[strcspn(text, "\n")] = 0;
	if (!text[0])
		snprintf(text, sizeof text, "%s", strerror(error));
	_exit(write(said, text, strlen(text)) > 0 ? 1 : 2);
}

static void send_off(int pid)
{
	int i, said[2];

	for (i = 0; i < MOVERS; i++)
		if (movers[i].mover && movers[i].pid == pid)
			return;
	for (i = 0; i < MOVERS && movers[i].mover; i++)
		;
	if (i == MOVERS)
		return;
	CHECK(pipe2(said, O_CLOEXEC) == 0);
	movers[i].pid = pid;
	movers[i].said = said[0];
	CHECK((movers[i].mover = fork()) >= 0);
	if (movers[i].mover == 0)
		move(pid, said[1]);
	close(said[1]);
}

/* A mover has ended: 1 if that was one. */
static int heard(pid_t mover, int status)
{
	char text[256] = "";

	for (int i = 0; i < MOVERS; i++) {
		if (!mover || movers[i].mover != mover)
			continue;
		if (read(movers[i].said, text, sizeof text - 1) > 0)
			note(text);
		close(movers[i].said);
		movers[i].mover = 0;
		moved += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		return 1;
	}
	return 0;
}

static int is_mover(pid_t pid)
{
	for (int i = 0; i < MOVERS; i++)
		if (movers[i].mover == pid)
			return 1;
	return 0;
}

/* Does something with each child of a process, and theirs. */
static void for_descendants(int pid, void (*with)(int))
{
	char path[300], text[4096];

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *tasks = opendir(path);

	if (!tasks)
		return;
	for (struct dirent *task; (task = readdir(tasks));) {
		snprintf(path, sizeof path, "/proc/%d/task/%s/children", pid, task->d_name);
		int fd = task->d_name[0] == '.' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

		if (fd >= 0)
			close(fd);
		text[length < 0 ? 0 : length] = 0;
		char *rest = text;

		for (char *word; (word = strsep(&rest, " "));) {
			int child = atoi(word);

			if (child && !is_mover(child)) {
				with(child);
				for_descendants(child, with);
			}
		}
	}
	closedir(tasks);
}

static int moving(void)
{
	for (int i = 0; i < MOVERS; i++)
		if (movers[i].mover)
			return 1;
	return 0;
}

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void end(int pid)
{
	kill(pid, SIGKILL);
}

static void write_report(const char *path)
{
	FILE *report = fopen(path, "we");

	CHECK(report);
	fprintf(report, "moved %ld\n", moved);
	report_reasons(report);
	CHECK(fclose(report) == 0);
}

int main(int argc, char **argv)
{
	int status, result = -1;
	pid_t pid;

	if (argc < 5)
		fail("usage: stir REPORT NODE MILLISECONDS COMMAND [ARGUMENT ...]");
	node = argv[2];
	long milliseconds = atol(argv[3]);
	struct timespec tick = { 0, 10000000 };
	int64_t sent = 0, next = milliseconds_now() + milliseconds;

	/* Orphans stay below, and are moved too. */
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t command = fork();

	CHECK(command >= 0);
	if (command == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 0);
		execvp(argv[4], argv + 4);
		perror(argv[4]);
		_exit(127);
	}
	while (result < 0) {
		if (milliseconds) {
			nanosleep(&tick, NULL);
			int64_t now = milliseconds_now();

			if (sent && !moving()) {
				next = sent + milliseconds;
				if (next < now + 2 * (now - sent))
					next = now + 2 * (now - sent);
				sent = 0;
			}
			/* One that waits for something else to end may take long: the others go on. */
			if (sent ? now > sent + LONG : now >= next) {
				for_descendants(getpid(), send_off);
				sent = now;
			}
		}
		while ((pid = waitpid(-1, &status, milliseconds ? WNOHANG : 0)) > 0 && result < 0)
			if (!heard(pid, status) && pid == command)
				result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	/* A mover whose process has gone says so. */
	do {
		for_descendants(getpid(), end);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			heard(pid, status);
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	} while (pid == 0);
	write_report(argv[1]);
	return result;
}
