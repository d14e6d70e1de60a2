/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, directories and pipes, with buffers of awkward sizes and places. */
#include "program.h"
#include <dirent.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define BIG (600000)

static char directory[] = "/tmp/files.XXXXXX";
static char buffer[BIG + 64], other[BIG + 64];

static const char *path(const char *name)
{
	static char full[2][256];
	static int turn;

	turn = !turn;
	snprintf(full[turn], sizeof full[turn], "%s/%s", directory, name);
	return full[turn];
}

static void reads_and_writes(void)
{
	int fd = open(path("data"), O_RDWR | O_CREAT | O_TRUNC, 0640);
	struct stat status;

	CHECK(fd >= 0);
	/* An odd offset in memory, a size that is no multiple of anything. */
	fill(buffer, BIG, rounds_done);
	CHECK(write(fd, buffer + 3, 123457) == 123457);
	CHECK(lseek(fd, 0, SEEK_CUR) == 123457 && lseek(fd, -57, SEEK_END) == 123400);
	CHECK(read(fd, other, 1000) == 57 && memcmp(other, buffer + 3 + 123400, 57) == 0);
	CHECK(read(fd, other, 1000) == 0);
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	memset(other, 0x77, sizeof other);
	CHECK(read(fd, other + 1, 123457) == 123457 && memcmp(other + 1, buffer + 3, 123457) == 0);
	CHECK(other[0] == 0x77 && other[123458] == 0x77);
	CHECK(pwrite(fd, "hole", 4, 500000) == 4 && pread(fd, other, 8, 499998) == 6);
	CHECK(memcmp(other, "\0\0hole", 6) == 0);
	CHECK(fstat(fd, &status) == 0 && status.st_size == 500004 && (status.st_mode & 0777) == 0640);
	CHECK(ftruncate(fd, 10) == 0 && stat(path("data"), &status) == 0 && status.st_size == 10);
	CHECK(close(fd) == 0 && read(fd, other, 1) == -1 && errno == EBADF);
}

static void vectors(void)
{
	int fd = open(path("vectors"), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	struct iovec out[3] = { { "abc", 3 }, { "", 0 }, { buffer, 70001 } };
	struct iovec in[3] = { { other, 1 }, { other + 100, 5000 }, { other + 6000, 70000 } };

	CHECK(fd >= 0 && writev(fd, out, 3) == 70004);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 3) == 70004);
	CHECK(other[0] == 'a' && other[100] == 'b' && other[101] == 'c');
	CHECK(memcmp(other + 102, buffer, 4998) == 0 && memcmp(other + 6000, buffer + 4998, 65003) == 0);
	/* O_APPEND writes at the end wherever the offset is. */
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 70007);
	CHECK(close(fd) == 0);
}

static void names(void)
{
	char name[32], target[64];
	int seen = 0;
	struct dirent *entry;

	CHECK(mkdir(path("sub"), 0755) == 0);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "sub/file%d", i);
		int fd = open(path(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

		CHECK(fd >= 0 && close(fd) == 0);
	}
	DIR *list = opendir(path("sub"));

	CHECK(list);
	while ((entry = readdir(list)))
		seen += entry->d_name[0] != '.';
	CHECK(closedir(list) == 0 && seen == 50);
	CHECK(symlink("sub/file1", path("link")) == 0);
	CHECK(readlink(path("link"), target, sizeof target) == 9 && memcmp(target, "sub/file1", 9) == 0);
	CHECK(rename(path("sub/file2"), path("moved")) == 0 && access(path("sub/file2"), F_OK) == -1 && errno == ENOENT);
	CHECK(unlink(path("moved")) == 0 && unlink(path("link")) == 0);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof name, "sub/file%d", i);
		CHECK(i == 2 || unlink(path(name)) == 0);
	}
	CHECK(rmdir(path("sub")) == 0);
}

static void pipes(void)
{
	int ends[2];
	struct pollfd polled;

	CHECK(pipe(ends) == 0);
	polled = (struct pollfd){ .fd = ends[0], .events = POLLIN };
	CHECK(poll(&polled, 1, 0) == 0);
	CHECK(write(ends[1], buffer, 60000) == 60000);
	CHECK(poll(&polled, 1, 1000) == 1 && polled.revents == POLLIN);
	CHECK(read(ends[0], other, 60000) == 60000 && memcmp(other, buffer, 60000) == 0);
	int copy = dup2(ends[1], 100);

	CHECK(copy == 100 && close(ends[1]) == 0 && write(copy, "z", 1) == 1 && close(copy) == 0);
	CHECK(read(ends[0], other, 9) == 1 && other[0] == 'z' && read(ends[0], other, 9) == 0);
	CHECK(close(ends[0]) == 0);
}

static void bad_pointers(void)
{
	int fd = open("/dev/zero", O_RDWR);
	char *volatile nowhere = (char *)8;

	CHECK(fd >= 0);
	CHECK(read(fd, nowhere, 100) == -1 && errno == EFAULT);
	CHECK(open(nowhere, O_RDONLY) == -1 && errno == EFAULT);
	CHECK(stat("/tmp", (struct stat *)nowhere) == -1 && errno == EFAULT);
	CHECK(read(-1, other, 1) == -1 && errno == EBADF);
	CHECK(close(fd) == 0);
}

int main(int argc, char **argv)
{
	start(argc, argv);
	CHECK(mkdtemp(directory));
	do {
		reads_and_writes();
		vectors();
		names();
		pipes();
		bad_pointers();
	} while (another_round());
	CHECK(unlink(path("data")) == 0 && unlink(path("vectors")) == 0 && rmdir(directory) == 0);
	return pass();
}
