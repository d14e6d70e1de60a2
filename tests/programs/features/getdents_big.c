/* SPDX-License-Identifier: GPL-2.0-only */
/* files: a directory of 1200 files, listed in pieces, with seeks, and changed meanwhile */
#include "feature.h"
#include <dirent.h>
#include <sys/stat.h>

#define FILES 1200

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", name[32];
	static unsigned char seen[FILES];

	begin(argc, argv);
	CHECK(mkdtemp(directory));
	int at = open(directory, O_RDONLY | O_DIRECTORY);

	CHECK(at >= 0);
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		CHECK(mknodat(at, name, S_IFREG | 0600, 0) == 0);
	}
	ready();
	do {
		DIR *list = opendir(directory);
		struct dirent *entry;
		long place = 0;
		int count = 0, number;
		char there[32] = "";

		CHECK(list);
		memset(seen, 0, sizeof seen);
		while ((entry = readdir(list))) {
			if (place && !there[0])
				strcpy(there, entry->d_name);
			if (sscanf(entry->d_name, "file-%d", &number) != 1)
				continue;
			CHECK(number >= 0 && number < FILES && !seen[number]++ && entry->d_type == DT_REG);
			if (++count == FILES / 2) {
				place = telldir(list);
				point();
			}
		}
		CHECK(count == FILES);
		seekdir(list, place);
		entry = readdir(list);
		CHECK(entry && !strcmp(entry->d_name, there));
		CHECK(closedir(list) == 0);
		CHECK(unlinkat(at, "file-7", 0) == 0 && mknodat(at, "file-7", S_IFREG | 0600, 0) == 0);
	} while (again());
	for (int i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		CHECK(unlinkat(at, name, 0) == 0);
	}
	CHECK(rmdir(directory) == 0);
	return pass();
}
