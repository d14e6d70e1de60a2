/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `shuttle PID NODE` moves a process to a node, or `home`; if it does not go, the reason is printed.
 *
 * `shuttle PID NODE MILLISECONDS COUNT [children]` moves a process, and with `children` those it has at the time,
 * to a node and home again, every so many milliseconds, so many times. Then, or on SIGTERM, or when the process is
 * gone, it prints
 *
 *     moved N              how often the process moved, in both directions
 *     came N               how often it was found at home and had not been sent there
 *     refused N REASON     for each reason
 *     children N           how often a child moved
 */
#include "program.h"
#include "reasons.h"
#include <dirent.h>
#include <time.h>

static const char *node;
static long moved, came, children_moved;
static int was_sent_away;

/* Reads what a small file says now; -1 if it cannot be read. */
static int slurp(int fd, char *text, size_t size)
{
	ssize_t length = fd < 0 ? -1 : pread(fd, text, size - 1, 0);

	text[length < 0 ? 0 : length] = 0;
	text[strcspn(text, "\n")] = 0;
	return length < 0 ? -1 : 0;
}

/* Where a process is; -1 if it is gone. */
static int where(int pid)
{
	char path[64], text[32];

	snprintf(path, sizeof path, "/proc/hpc/pids/%d/where", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = slurp(fd, text, sizeof text);

	if (fd >= 0)
		close(fd);
	return result < 0 ? -1 : atoi(text);
}

/* Sends a process somewhere: 1 if it went, 0 if not, -1 if it is gone. */
static int send(int pid, const char *to, char *reason, size_t size)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/hpc/pids/%d/goto", pid);
	int fd = open(path, O_RDWR | O_CLOEXEC), result = 1;

	if (fd < 0)
		return -1;
	if (write(fd, to, strlen(to)) < 0) {
		int error = errno;

		result = error == ESRCH || error == ENOENT ? -1 : 0;
		if (slurp(fd, reason, size) < 0 || !reason[0])
			snprintf(reason, size, "%s", strerror(error));
	}
	close(fd);
	return result;
}

/* Whether two processes move together, because they share memory. */
static int one_group(int pid, int other)
{
	char path[64], line[32];
	int found = 0;

	snprintf(path, sizeof path, "/proc/hpc/pids/%d/group", pid);
	FILE *group = fopen(path, "r");

	while (group && fgets(line, sizeof line, group))
		found |= atoi(line) == other;
	if (group)
		fclose(group);
	return found;
}

static void move_children(int pid)
{
	char path[300], text[4096], reason[256];
	int group_moved = 0;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	DIR *tasks = opendir(path);

	if (!tasks)
		return;
	for (struct dirent *task; (task = readdir(tasks));) {
		snprintf(path, sizeof path, "/proc/%d/task/%s/children", pid, task->d_name);
		int fd = task->d_name[0] == '.' ? -1 : open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (slurp(fd, text, sizeof text) == 0) {
			char *rest = text;

			for (char *word; (word = strsep(&rest, " "));) {
				int child = atoi(word), from = child ? where(child) : -1;
				int together = from >= 0 && one_group(pid, child);

				/* One member brings the whole group: the others would only repeat that. */
				if (from < 0 || (together && group_moved) || send(child, from ? "home\n" : node, reason, sizeof reason) != 1)
					continue;
				children_moved++;
				/* It went along: it was sent where its child was. */
				if (together) {
					was_sent_away = !from;
					group_moved = 1;
				}
			}
		}
		close(fd);
	}
	closedir(tasks);
}

int main(int argc, char **argv)
{
	char to[32], reason[256];
	sigset_t end;

	if (argc != 3 && argc != 5 && argc != 6)
		fail("usage: shuttle PID NODE [MILLISECONDS COUNT [children]]");
	int pid = atoi(argv[1]);

	snprintf(to, sizeof to, "%s\n", argv[2]);
	node = to;
	if (argc == 3) {
		int result = send(pid, node, reason, sizeof reason);

		if (result < 1)
			puts(result < 0 ? "it is gone" : reason);
		return result < 1;
	}
	long milliseconds = atol(argv[3]), left = atol(argv[4]);
	struct timespec pause = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	/* Taken between moves only: a move that is asked for is waited for. */
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	CHECK(sigprocmask(SIG_BLOCK, &end, NULL) == 0);
	do {
		int from = where(pid), result = from < 0 ? -1 : send(pid, from ? "home\n" : node, reason, sizeof reason);

		if (result < 0)
			break;
		if (was_sent_away && !from)
			came++;
		was_sent_away = result ? !from : from;
		if (result)
			moved++;
		else
			note(reason);
		if (argc > 5)
			move_children(pid);
	} while (sigtimedwait(&end, NULL, &pause) != SIGTERM && --left > 0);
	printf("moved %ld\ncame %ld\n", moved, came);
	report_reasons(stdout);
	printf("children %ld\n", children_moved);
	return 0;
}
