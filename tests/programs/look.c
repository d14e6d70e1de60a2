/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc shows of a process that stands still, each part after a line `== name`: `look PID` all of it,
 * `look guest NODE PID` of the guest here that this is of that node, as far as it can be compared with home:
 * nothing if there is none. What counts time or memory use is left out. (A shell script could do the same,
 * in some hundred processes.)
 */
#include "program.h"
#include <dirent.h>

static char directory[64];

static void part(const char *name) { printf("== %s\n", name); }

static FILE *open_file(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return fopen(path, "re");
}

static int begins_with_one_of(const char *line, const char *const *words)
{
	for (; *words; words++)
		if (!strncmp(line, *words, strlen(*words)))
			return 1;
	return 0;
}

/* The lines of a file: those that begin with one of `wanted`, or else those that do not with one of `unwanted`. */
static void lines(const char *name, const char *const *wanted, const char *const *unwanted)
{
	static char line[1 << 16];
	FILE *file = open_file(name);

	if (!file)
		return;
	while (fgets(line, sizeof line, file))
		if ((!wanted || begins_with_one_of(line, wanted)) && (!unwanted || !begins_with_one_of(line, unwanted)))
			fputs(line, stdout);
	fclose(file);
}

/* A file of strings that end with a zero byte, each with another end. */
static void strings(const char *name, char end)
{
	FILE *file = open_file(name);
	int byte;

	while (file && (byte = getc(file)) != EOF)
		putchar(byte ? byte : end);
	putchar('\n');
	if (file)
		fclose(file);
}

static void link_text(const char *label, const char *name)
{
	char path[512], text[512];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	ssize_t length = readlink(path, text, sizeof text - 1);

	text[length < 0 ? 0 : length] = 0;
	printf("%s%s\n", label, text);
}

/* Calls something for each name in a directory, in order. */
static void each(const char *name, void (*what)(const char *))
{
	char path[512];
	struct dirent **names;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	int count = scandir(path, &names, NULL, versionsort);

	for (int i = 0; i < count; i++)
		if (names[i]->d_name[0] != '.')
			what(names[i]->d_name);
}

static void namespace(const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "ns/%s", name);
	link_text("", path);
}

static void descriptor(const char *name)
{
	static const char *const moving[] = { "it_value:", "ticks:", NULL };
	char path[300], label[300];

	snprintf(path, sizeof path, "fd/%s", name);
	snprintf(label, sizeof label, "fd/%s ", name);
	link_text(label, path);
	snprintf(path, sizeof path, "fdinfo/%s", name);
	lines(path, NULL, moving);
}

/* Words of /proc/PID/stat that do not count. */
static void scheduling(void)
{
	static const char fields[] = { 4, 5, 6, 7, 18, 19, 20, 26, 27, 28, 45, 46, 47, 48, 49, 50, 51, 0 };
	char line[2048];
	FILE *file = open_file("stat");

	if (!file || !fgets(line, sizeof line, file))
		return;
	fclose(file);
	char *rest = strrchr(line, ')'), *word;
	int number = 2;

	rest = rest ? rest + 2 : line;
	while ((word = strsep(&rest, " \n")))
		if (strchr(fields, ++number))
			printf("%d: %s\n", number, word);
}

static void auxiliary_vector(void)
{
	FILE *file = open_file("auxv");
	unsigned long entry[2];

	while (file && fread(entry, sizeof entry, 1, file) == 1)
		printf("%lu %lx\n", entry[0], entry[1]);
	if (file)
		fclose(file);
}

static void thread(const char *name)
{
	static const char *const wanted[] = { "Name:", "SigPnd:", "SigBlk:", NULL };
	char path[300];

	snprintf(path, sizeof path, "task/%s/status", name);
	printf("%s\n", name);
	lines(path, wanted, NULL);
}

static void mapping_flags(void)
{
	static char line[1 << 16];
	FILE *file = open_file("smaps");

	while (file && fgets(line, sizeof line, file))
		if ((line[0] >= '0' && line[0] <= '9') || (line[0] >= 'a' && line[0] <= 'f') || !strncmp(line, "VmFlags", 7))
			fputs(line, stdout);
	if (file)
		fclose(file);
}

static int look_at_process(void)
{
	static const char *const status[] = {
		"Name:", "Umask:", "Tgid:", "Ngid:", "Pid:", "PPid:", "TracerPid:", "Uid:", "Gid:", "Groups:", "NStgid:",
		"NSpid:", "NSpgid:", "NSsid:", "Kthread:", "VmSize:", "VmLck:", "VmPin:", "VmData:", "VmStk:", "VmExe:",
		"VmLib:", "CoreDumping:", "THP_enabled:", "Threads:", "SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:",
		"SigCgt:", "Cap", "NoNewPrivs:", "Seccomp:", NULL,
	};

	if (access(directory, F_OK))
		fail("no process %s", directory);
	part("maps"), lines("maps", NULL, NULL);
	part("flags of mappings"), mapping_flags();
	part("status"), lines("status", status, NULL);
	part("threads"), each("task", thread);
	part("limits"), lines("limits", NULL, NULL);
	part("command"), strings("cmdline", ' ');
	part("environment"), strings("environ", '\n');
	part("name"), lines("comm", NULL, NULL);
	part("personality"), lines("personality", NULL, NULL);
	part("scheduling"), scheduling();
	part("timer slack"), lines("timerslack_ns", NULL, NULL);
	part("cgroup"), lines("cgroup", NULL, NULL);
	part("places"), link_text("", "cwd"), link_text("", "root"), link_text("", "exe");
	part("namespaces"), each("ns", namespace);
	part("auxiliary vector"), auxiliary_vector();
	part("files"), each("fd", descriptor);
	return 0;
}

static int look_at_guest(const char *node, const char *pid)
{
	static const char *const status[] = { "Threads:", "SigBlk:", "SigIgn:", "SigCgt:", NULL };
	char wanted[64], line[256] = "";
	DIR *guests = opendir("/proc/hpc/remote");

	snprintf(wanted, sizeof wanted, "node %s pid %s ", node, pid);
	for (struct dirent *guest; guests && (guest = readdir(guests));) {
		snprintf(directory, sizeof directory, "/proc/hpc/remote/%.16s", guest->d_name);
		FILE *file = guest->d_name[0] == '.' ? NULL : open_file("identity");
		int found = file && fgets(line, sizeof line, file) && !strncmp(line, wanted, strlen(wanted));

		if (file)
			fclose(file);
		if (found) {
			snprintf(directory, sizeof directory, "/proc/%.16s", guest->d_name);
			part("maps"), lines("maps", NULL, NULL);
			part("status"), lines("status", status, NULL);
			return 0;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "guest"))
		return look_at_guest(argv[2], argv[3]);
	if (argc != 2)
		fail("usage: look PID, look guest NODE PID");
	snprintf(directory, sizeof directory, "/proc/%.16s", argv[1]);
	return look_at_process();
}
