/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/fs.h>
#include <stdio.h>

static int value = 41;
static int *pointer = &value; /* needs a relocation at start */

int main(void) {
	++*pointer;
	printf("hello %d %d\n", value, BLKGETSIZE64 != 0);
	return 0;
}
