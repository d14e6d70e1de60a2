/* SPDX-License-Identifier: GPL-2.0-only */
/* life: system and popen: a shell works for the process */
#include "feature.h"

int main(int argc, char **argv)
{
	char line[64];

	begin(argc, argv);
	ready();
	do {
		int status = system("exit 7");

		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		FILE *from = popen("x=3; echo $((x * 14)); exit 5", "r");
		CHECK(from);
		point();
		CHECK(fgets(line, sizeof line, from) && !strcmp(line, "42\n"));
		status = pclose(from);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
		FILE *to = popen("read a; read b; test \"$a$b\" = onetwo", "w");

		CHECK(to && fputs("one\ntwo\n", to) >= 0);
		CHECK(pclose(to) == 0);
	} while (again());
	return pass();
}
