/* SPDX-License-Identifier: GPL-2.0-only */
/* life: executing scripts: #! with an argument, from a shell, and by descriptor */
#include "feature.h"

static char path[64];

static pid_t start(int out, int by_descriptor)
{
	char *arguments[] = { "ignored", "first", "second word", NULL };
	extern char **environ;
	pid_t child = split();

	if (!child) {
		CHECK(dup2(out, 1) == 1);
		if (by_descriptor)
			fexecve(open(path, O_RDONLY), arguments, environ);
		else
			execv(path, arguments);
		fail("exec");
	}
	return child;
}

int main(int argc, char **argv)
{
	static const char script[] = "#!/bin/sh -e\necho \"$# $1 $2\"\nfalse\necho not reached\n";
	char directory[] = "/tmp/feature.XXXXXX", text[128];
	int out[2];

	begin(argc, argv);
	CHECK(pipe2(out, O_CLOEXEC) == 0 && mkdtemp(directory));
	snprintf(path, sizeof path, "%s/script", directory);
	int fd = open(path, O_WRONLY | O_CREAT, 0755);

	CHECK(fd >= 0 && write(fd, script, sizeof script - 1) == sizeof script - 1 && close(fd) == 0);
	ready();
	do {
		/* The interpreter opens it as /dev/fd/N. */
		for (int by_descriptor = 0; by_descriptor < 1 + !access("/dev/fd", F_OK); by_descriptor++) {
			pid_t child = start(out[1], by_descriptor);

			if (!by_descriptor)
				point();
			ssize_t length = read(out[0], text, sizeof text - 1);

			CHECK(length > 0);
			text[length] = 0;
			if (strcmp(text, "2 first second word\n"))
				fail("the script said %s", text);
			CHECK(exit_of(child) == 1);
		}
	} while (again());
	CHECK(unlink(path) == 0 && rmdir(directory) == 0);
	return pass();
}
