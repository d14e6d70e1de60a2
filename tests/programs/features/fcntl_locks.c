/* SPDX-License-Identifier: GPL-2.0-only */
/* files: fcntl record locks: ranges, owners, waiting, and locks of the open file */
#include "feature.h"

static int lock(int fd, int command, int type, off_t start, off_t length)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };

	return fcntl(fd, command, &lock);
}

/* Whether a process waits for a lock, as /proc/locks shows it. */
static int waits_for_lock(pid_t pid)
{
	char line[256];
	int owner, found = 0;
	FILE *locks = fopen("/proc/locks", "r");

	CHECK(locks);
	while (fgets(line, sizeof line, locks))
		found |= sscanf(line, "%*d: -> POSIX %*s %*s %d", &owner) == 1 && owner == pid;
	CHECK(fclose(locks) == 0);
	return found;
}

int main(int argc, char **argv)
{
	int fd = nameless_file(), there[2], back[2];
	char path[32];

	begin(argc, argv);
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ready();
	do {
		pid_t parent = getpid();

		CHECK(lock(fd, F_SETLK, F_WRLCK, 100, 50) == 0 && lock(fd, F_SETLK, F_RDLCK, 300, 50) == 0);
		pid_t child = split();

		if (!child) {
			struct flock found = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 200 };

			CHECK(fcntl(fd, F_GETLK, &found) == 0 && found.l_type == F_WRLCK && found.l_pid == parent);
			CHECK(found.l_start == 100 && found.l_len == 50);
			CHECK(lock(fd, F_SETLK, F_RDLCK, 120, 1) == -1 && (errno == EAGAIN || errno == EACCES));
			CHECK(lock(fd, F_SETLK, F_RDLCK, 300, 50) == 0 && lock(fd, F_SETLK, F_WRLCK, 400, 10) == 0);
			tell(back[1], 'x');
			/* Until the parent lets go. */
			CHECK(lock(fd, F_SETLKW, F_WRLCK, 100, 50) == 0);
			tell(back[1], 'y');
			hear(there[0]);
			_exit(0);
		}
		CHECK(hear(back[0]) == 'x');
		point();
		AWAIT(waits_for_lock(child));
		CHECK(lock(fd, F_SETLK, F_UNLCK, 100, 50) == 0 && hear(back[0]) == 'y');
		tell(there[1], 'x');
		CHECK(lock(fd, F_SETLKW, F_WRLCK, 100, 50) == 0);
		CHECK(exit_of(child) == 0);
		/* Of the open file: against our own other one. */
		int other = open(path, O_RDWR);

		CHECK(other >= 0 && lock(fd, F_OFD_SETLK, F_WRLCK, 1000, 10) == 0);
		point();
		CHECK(lock(other, F_OFD_SETLK, F_WRLCK, 1000, 10) == -1 && errno == EAGAIN);
		CHECK(lock(fd, F_OFD_SETLK, F_UNLCK, 1000, 10) == 0 && lock(other, F_OFD_SETLK, F_WRLCK, 1000, 10) == 0);
		/* Closing any of them gives up all. */
		CHECK(close(other) == 0);
		CHECK(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
	} while (again());
	return pass();
}
