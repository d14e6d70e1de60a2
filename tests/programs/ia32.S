/* SPDX-License-Identifier: GPL-2.0-only */
/* A 32-bit program: prints `ready` and sleeps for ever. Needs no 32-bit library to be built. */
	.code32
	.globl _start
_start:
	movl $4, %eax		/* write */
	movl $1, %ebx
	movl $text, %ecx
	movl $6, %edx
	int $0x80
1:	movl $162, %eax		/* nanosleep */
	movl $second, %ebx
	xorl %ecx, %ecx
	int $0x80
	jmp 1b

	.data
text:	.ascii "ready\n"
second:	.long 1, 0
	.section .note.GNU-stack, "", @progbits
