/* SPDX-License-Identifier: GPL-2.0-only */
/* Why moves were refused, and how often. */
#ifndef REASONS_H
#define REASONS_H

#include <stdio.h>
#include <string.h>

#define REASONS 32

static struct { long count; char text[256]; } reasons[REASONS];

static void note(const char *reason)
{
	int i;

	for (i = 0; i < REASONS - 1 && reasons[i].count && strcmp(reasons[i].text, reason); i++)
		;
	reasons[i].count++;
	snprintf(reasons[i].text, sizeof reasons[i].text, "%s", reason);
}

/* A line for each. */
static void report_reasons(FILE *to)
{
	for (int i = 0; i < REASONS && reasons[i].count; i++)
		fprintf(to, "refused %ld %s\n", reasons[i].count, reasons[i].text);
}

#endif
