// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's vDSO tells home's time of day, too, when it is asked by time(): as the kernel has it, that function alone reads the
 * host's clock without what a time namespace adds. So it is changed in the guest's own copy of the code: what loads the time
 * becomes a call of clock_gettime(CLOCK_REALTIME_COARSE), and its end, which stores the result, stays. Where a
 * program is at one of these instructions, it finds the same ones at home; where it is between them when it arrives, it
 * begins the function again, which has changed nothing so far. (Nobody leaves from there: om_in_vdso().)
 */
#include <linux/elf.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <asm/vdso.h>

#include "shim.h"
#include "vdso.h"

static const u8 ENDBR[] = { 0xf3, 0x0f, 0x1e, 0xfa };
/* push %rbp; mov %rsp,%rbp */
static const u8 FRAME[] = { 0x55, 0x48, 0x89, 0xe5 };
/* test %rdi,%rdi; je .+5; mov %rax,(%rdi); ret */
static const u8 END[] = { 0x48, 0x85, 0xff, 0x74, 0x03, 0x48, 0x89, 0x07, 0xc3 };
/* The same with pop %rbp before ret: of kernels with frame pointers. */
static const u8 END_FRAMED[] = { 0x48, 0x85, 0xff, 0x74, 0x03, 0x48, 0x89, 0x07, 0x5d, 0xc3 };

/* Offsets in the vDSO: where time() begins to do something, where it has the result in a register, and clock_gettime(). */
struct places {
	u32 begin, end, clock_gettime;
};

static const Elf64_Sym *find(const struct vdso_image *image, const char *name)
{
	const Elf64_Ehdr *header = image->data;
	const Elf64_Shdr *sections = image->data + header->e_shoff, *symbols = NULL;
	const Elf64_Sym *symbol;
	const char *names;
	unsigned int i;

	if (header->e_shoff + header->e_shnum * sizeof(*sections) > image->size)
		return NULL;
	for (i = 0; i < header->e_shnum; i++)
		if (sections[i].sh_type == SHT_DYNSYM && sections[i].sh_link < header->e_shnum)
			symbols = &sections[i];
	if (!symbols)
		return NULL;
	symbol = image->data + symbols->sh_offset;
	names = image->data + sections[symbols->sh_link].sh_offset;
	for (i = 0; i < symbols->sh_size / sizeof(*symbol); i++)
		if (!strcmp(names + symbol[i].st_name, name) && symbol[i].st_value + symbol[i].st_size <= image->size)
			return &symbol[i];
	return NULL;
}

/* False: it is not as known here, and stays as it is. */
static bool find_places(const struct vdso_image *image, struct places *p)
{
	const Elf64_Sym *time = find(image, "__vdso_time"), *clock_gettime = find(image, "__vdso_clock_gettime");
	const u8 *code, *end = END;
	u32 at = 0, end_size = sizeof(END);

	if (!time || !clock_gettime)
		return false;
	code = image->data + time->st_value;
	if (time->st_size >= sizeof(ENDBR) + sizeof(FRAME)) {
		if (!memcmp(code, ENDBR, sizeof(ENDBR)))
			at += sizeof(ENDBR);
		if (!memcmp(code + at, FRAME, sizeof(FRAME))) {
			at += sizeof(FRAME);
			end = END_FRAMED;
			end_size = sizeof(END_FRAMED);
		}
	}
	p->begin = time->st_value + at;
	p->clock_gettime = clock_gettime->st_value;
	for (; at + end_size <= time->st_size; at++) {
		if (!memcmp(code + at, end, end_size)) {
			p->end = time->st_value + at;
			return true;
		}
	}
	return false;
}

/* In the vessel, whose vDSO is where the program expects it. */
void om_vdso_shift(void)
{
	u8 code[] = {
		0x57,				/* push %rdi */
		0x48, 0x83, 0xec, 0x10,		/* sub $16,%rsp */
		0x6a, CLOCK_REALTIME_COARSE,	/* push $CLOCK_REALTIME_COARSE */
		0x5f,				/* pop %rdi */
		0x48, 0x89, 0xe6,		/* mov %rsp,%rsi */
		0xe8, 0, 0, 0, 0,		/* call clock_gettime */
		0x58,				/* pop %rax: its seconds */
		0x5a,				/* pop %rdx */
		0x5f,				/* pop %rdi */
		0xeb, 0,			/* jmp to the end */
	};
	const struct vdso_image *image = current->mm->context.vdso_image;
	struct places p;
	s32 distance;

	if (!image || !find_places(image, &p) || p.end - p.begin < sizeof(code)) {
		pr_warn_once("openmosix: time() of guests shows this node's time of day, not home's: its code is not as known\n");
		return;
	}
	distance = p.clock_gettime - (p.begin + 16);
	memcpy(code + 12, &distance, sizeof(distance));
	code[sizeof(code) - 1] = p.end - (p.begin + sizeof(code));
	if (access_process_vm(current, (unsigned long)current->mm->context.vdso + p.begin, code, sizeof(code),
			      FOLL_WRITE | FOLL_FORCE) != sizeof(code))
		pr_warn_once("openmosix: time() of guests shows this node's time of day, not home's: its code cannot be written\n");
}

/* For a program that arrives at this address: where it goes on. */
unsigned long om_vdso_arrive(unsigned long ip)
{
	const struct vdso_image *image = current->mm->context.vdso_image;
	unsigned long offset = ip - (unsigned long)current->mm->context.vdso;
	struct places p;

	if (!image || offset >= image->size || !find_places(image, &p) || offset <= p.begin || offset >= p.end)
		return ip;
	return ip - offset + p.begin;
}
