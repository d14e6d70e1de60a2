/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings: mmap, munmap, mprotect, mremap, madvise and brk, wherever the process is. Contents and
 * protections are checked by use; /proc/self/maps, which is home's view, must agree.
 */
#include "program.h"
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define PAGES 16

static sigjmp_buf after_fault;
static volatile sig_atomic_t faults;

static void on_fault(int signal)
{
	(void)signal;
	faults++;
	siglongjmp(after_fault, 1);
}

static int can_read(const char *at)
{
	if (sigsetjmp(after_fault, 1))
		return 0;
	(void)*(volatile const char *)at;
	return 1;
}

static int can_write(char *at)
{
	if (sigsetjmp(after_fault, 1))
		return 0;
	*(volatile char *)at = *(volatile char *)at;
	return 1;
}

/* Permissions of the mapping that holds an address, by /proc/self/maps; "" if there is none. */
static const char *listed(const void *address)
{
	static char permissions[5];
	unsigned long from, to, wanted = (unsigned long)address;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	CHECK(maps);
	permissions[0] = 0;
	while (fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, permissions) == 3 && from <= wanted && wanted < to)
			break;
		else
			permissions[0] = 0;
	fclose(maps);
	return permissions;
}

static char *anonymous(size_t pages)
{
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

static void protections(void)
{
	char *memory = anonymous(PAGES);

	fill(memory, PAGES * PAGE, rounds_done);
	CHECK(mprotect(memory + 4 * PAGE, 4 * PAGE, PROT_READ) == 0);
	CHECK(mprotect(memory + 8 * PAGE, 4 * PAGE, PROT_NONE) == 0);
	CHECK(can_write(memory) && can_write(memory + 12 * PAGE));
	CHECK(can_read(memory + 4 * PAGE) && !can_write(memory + 4 * PAGE));
	CHECK(!can_read(memory + 8 * PAGE) && !can_write(memory + 11 * PAGE));
	CHECK(!strcmp(listed(memory), "rw-p") && !strcmp(listed(memory + 4 * PAGE), "r--p"));
	CHECK(!strcmp(listed(memory + 8 * PAGE), "---p"));
	CHECK(mprotect(memory, PAGES * PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(is_filled(memory, PAGES * PAGE, rounds_done));
	CHECK(munmap(memory + 3 * PAGE, 5 * PAGE) == 0);
	CHECK(can_read(memory + 2 * PAGE) && !can_read(memory + 3 * PAGE) && !can_read(memory + 7 * PAGE));
	CHECK(!strcmp(listed(memory + 3 * PAGE), "") && !strcmp(listed(memory + 8 * PAGE), "rw-p"));
	CHECK(munmap(memory, PAGES * PAGE) == 0);
	CHECK(!strcmp(listed(memory), ""));
}

static void moves(void)
{
	char *memory = anonymous(PAGES);

	fill(memory, PAGES * PAGE, rounds_done + 7);
	char *larger = mremap(memory, PAGES * PAGE, 4 * PAGES * PAGE, MREMAP_MAYMOVE);

	CHECK(larger != MAP_FAILED);
	CHECK(is_filled(larger, PAGES * PAGE, rounds_done + 7));
	for (size_t at = PAGES * PAGE; at < 4 * PAGES * PAGE; at += PAGE / 2)
		CHECK(larger[at] == 0);
	char *place = anonymous(PAGES);

	char *moved = mremap(larger, PAGES * PAGE, PAGES * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, place);

	CHECK(moved == place && is_filled(moved, PAGES * PAGE, rounds_done + 7));
	CHECK(!can_read(larger) && can_read(larger + PAGES * PAGE));
	CHECK(mremap(moved, PAGES * PAGE, 2 * PAGE, 0) == moved);
	CHECK(can_read(moved + PAGE) && !can_read(moved + 2 * PAGE));
	CHECK(munmap(moved, 2 * PAGE) == 0 && munmap(larger + PAGES * PAGE, 3 * PAGES * PAGE) == 0);
}

static void advice(void)
{
	char *memory = anonymous(PAGES);

	fill(memory, PAGES * PAGE, 3);
	CHECK(madvise(memory + PAGE, PAGE, MADV_DONTNEED) == 0);
	for (size_t at = PAGE; at < 2 * PAGE; at++)
		CHECK(memory[at] == 0);
	CHECK(is_filled(memory, PAGE, 3));
	/* Fresh memory over old ground is zero. */
	CHECK(mmap(memory, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == memory);
	CHECK(memory[0] == 0 && memory[2 * PAGE - 1] == 0);
	CHECK(munmap(memory, PAGES * PAGE) == 0);
}

static void heap(void)
{
	char *before = sbrk(0);

	CHECK(sbrk(8 * PAGE) == before);
	for (size_t at = 0; at < 8 * PAGE; at++)
		CHECK(before[at] == 0);
	memset(before, 0x5a, 8 * PAGE);
	CHECK(sbrk(-4 * (long)PAGE) == before + 8 * PAGE);
	CHECK(sbrk(4 * PAGE) == before + 4 * PAGE);
	CHECK(before[4 * PAGE - 1] == 0x5a);
	CHECK(brk(before) == 0 && sbrk(0) == before);
}

static void file_mapping(void)
{
	char name[] = "/tmp/maps.XXXXXX", byte;
	int fd = mkstemp(name);
	static char contents[2 * PAGE + 100];

	CHECK(fd >= 0 && unlink(name) == 0);
	fill(contents, sizeof contents, 11);
	CHECK(write(fd, contents, sizeof contents) == sizeof contents);
	char *memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

	CHECK(memory != MAP_FAILED && memcmp(memory, contents, sizeof contents) == 0);
	CHECK(memory[sizeof contents] == 0);
	memory[PAGE] ^= 1;
	/* Private: the file keeps its byte, the memory its change. */
	CHECK(pread(fd, &byte, 1, PAGE) == 1 && byte == contents[PAGE]);
	CHECK(memory[PAGE] == (contents[PAGE] ^ 1));
	CHECK(munmap(memory, 3 * PAGE) == 0 && close(fd) == 0);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	/* Mapped in one round, checked in the next ones: what is mapped away must be there at home. */
	char *kept[8] = { 0 };

	start(argc, argv);
	CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
	do {
		int slot = rounds_done % 8;

		for (int i = 0; i < 8; i++)
			CHECK(!kept[i] || is_filled(kept[i], PAGES * PAGE, (uint64_t)i + 100));
		if (kept[slot])
			CHECK(munmap(kept[slot], PAGES * PAGE) == 0);
		kept[slot] = anonymous(PAGES);
		fill(kept[slot], PAGES * PAGE, (uint64_t)slot + 100);
		protections();
		moves();
		advice();
		heap();
		file_mapping();
	} while (another_round());
	return pass();
}
