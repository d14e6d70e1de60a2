/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: /proc/self: exe, cmdline, environ, cwd, fd, maps, stat and auxv tell of this process */
#include "feature.h"
#include <dirent.h>
#include <sys/auxv.h>
#include <sys/mman.h>

static size_t slurp(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got;

	CHECK(fd >= 0);
	while (length < size && (got = read(fd, to + length, size - length)) > 0)
		length += got;
	CHECK(close(fd) == 0 && length < size);
	to[length] = 0;
	return length;
}

int main(int argc, char **argv)
{
	static char text[1 << 18];
	char link[300], expected[300];

	begin(argc, argv);
	char *memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	/* Makes a heap. */
	CHECK(sbrk(PAGE) != (void *)-1);
	ready();
	do {
		point();
		CHECK(slurp("/proc/self/cmdline", text, sizeof text) > 0 && !strcmp(text, argv[0]));
		CHECK(slurp("/proc/self/environ", text, sizeof text) > 0);
		CHECK(strstr(self(), "proc_self"));
		snprintf(expected, sizeof expected, "%lx-%lx r-xp ", (long)memory, (long)memory + 3 * PAGE);
		CHECK(slurp("/proc/self/maps", text, sizeof text) > 0);
		if (!strstr(text, expected))
			fail("maps do not show %s", expected);
		CHECK(strstr(text, "[stack]") && strstr(text, "[vdso]") && strstr(text, "[heap]"));
		int fd = open("/dev/null", O_RDONLY);

		snprintf(expected, sizeof expected, "/proc/self/fd/%d", fd);
		CHECK(fd >= 0 && readlink(expected, link, sizeof link) == 9 && !memcmp(link, "/dev/null", 9));
		CHECK(close(fd) == 0 && readlink(expected, link, sizeof link) == -1 && errno == ENOENT);
		CHECK(slurp("/proc/self/auxv", text, sizeof text) > 0);
		for (unsigned long *entry = (unsigned long *)text; entry[0]; entry += 2)
			/* Of this libc has ideas of its own. */
			if (entry[0] != AT_HWCAP)
				CHECK(getauxval(entry[0]) == entry[1]);
		CHECK(slurp("/proc/self/statm", text, sizeof text) > 0 && atol(text) > 100);
		/* Its own memory, by file. */
		fd = open("/proc/self/mem", O_RDWR);
		volatile long value = 77, other = 0;

		CHECK(fd >= 0 && pread(fd, (void *)&other, sizeof other, (off_t)&value) == sizeof other && other == 77);
		other = 88;
		CHECK(pwrite(fd, (void *)&other, sizeof other, (off_t)&value) == sizeof other && value == 88);
		CHECK(close(fd) == 0);
	} while (again());
	return pass();
}
