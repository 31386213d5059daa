# SPDX-License-Identifier: Apache-2.0
# Compiles all of src for the checks of tests/lint/run, with the image's compiler: each object on its own, what the compiler
# says beside it. Not position-independent, so that constant tables with pointers count as constant.
out := build/tests/lint
cc := build/vendor/x86_64/cc
flags := -std=c11 -O2 -fno-pie -Wall -Wextra -Wconversion -Wswitch-enum -Wvla -Wshadow -Wstrict-prototypes -Werror \
	-Isrc -MMD -MP
sources := $(wildcard src/*.c src/*/*.c)
objects := $(patsubst %.c,$(out)/%.o,$(sources))

all: $(objects)

$(out)/%.o: %.c tests/lint/lint.mk
	@mkdir -p $(@D)
	@rm -f $@
	@$(cc) $(flags) -c -o $@ $< 2> $(out)/$*.said

-include $(wildcard $(objects:.o=.d))
