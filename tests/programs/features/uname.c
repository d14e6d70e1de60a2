/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: uname, host name, sysinfo, page size, number of processors, personality: always home's */
#include "feature.h"
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

int main(int argc, char **argv)
{
	struct utsname first, name;
	struct sysinfo first_info, info;
	char host[65], line[128];

	begin(argc, argv);
	CHECK(uname(&first) == 0 && sysinfo(&first_info) == 0);
	int processors = sysconf(_SC_NPROCESSORS_ONLN);

	ready();
	do {
		point();
		CHECK(uname(&name) == 0 && !memcmp(&name, &first, sizeof name));
		CHECK(gethostname(host, sizeof host) == 0 && !strcmp(host, first.nodename));
		CHECK(sysinfo(&info) == 0 && info.totalram == first_info.totalram && info.uptime >= first_info.uptime);
		CHECK(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) == processors);
		CHECK(personality(0xffffffff) == PER_LINUX);
		FILE *file = fopen("/proc/sys/kernel/hostname", "r");

		CHECK(file && fgets(line, sizeof line, file) && fclose(file) == 0);
		line[strcspn(line, "\n")] = 0;
		CHECK(!strcmp(line, first.nodename));
	} while (again());
	return pass();
}
