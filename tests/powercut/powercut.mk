# SPDX-License-Identifier: Apache-2.0
# Builds the power-cut test; called from the top folder. The server's sources are compiled anew with small segments, so
# that they fill up, are made, cleaned and dropped within a short story.
out := build/tests/powercut
cc := gcc
segment := 16384u
flags := -std=c11 -Wall -Wextra -Werror -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all -I$(out)/include -Isrc -Itests -Itests/powercut -Ibuild/vendor/host/include
libraries := $(patsubst %,build/vendor/host/lib/lib%.a,curl cares bearssl)

# malloc.c is for the image alone: the sanitizers have an allocator of their own.
sources := $(filter-out src/keymgr/malloc.c,\
	$(wildcard $(foreach room,base crypto ttlv kmip disk keymgr store operation,src/$(room)/*.c))) \
	$(addprefix tests/support/,fake_keymgr.c message.c sim_disk.c tame_disk.c world.c) $(wildcard tests/powercut/*.c)
objects := $(patsubst %.c,$(out)/obj/%.o,$(sources))

$(out)/powercut: $(objects)
	@$(cc) $(flags) -o $@ $^ $(libraries)

$(out)/include/base/limits.h: src/base/limits.h tests/powercut/powercut.mk
	@mkdir -p $(@D)
	@sed 's/^\(#define LOG_SEGMENT_BYTES\) .*/\1 ($(segment))/' $< >$@
	@grep -q '$(segment)' $@

$(out)/obj/%.o: %.c $(out)/include/base/limits.h tests/powercut/powercut.mk
	@mkdir -p $(@D)
	@$(cc) $(flags) -MMD -MP -c -o $@ $<

-include $(wildcard $(objects:.o=.d))
