# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets; called by tests/fuzz/run from the top folder. A target is a file whose name ends in _fuzz.c.
out := build/fuzz
cc := clang
flags := -std=c11 -Wall -Wextra -Werror -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -Isrc -Itests -Ibuild/vendor/host/include
libraries := $(patsubst %,build/vendor/host/lib/lib%.a,curl cares bearssl)

# malloc.c is for the image alone: the sanitizers have an allocator of their own.
sources := $(filter-out src/keymgr/malloc.c,\
	$(wildcard $(foreach room,base crypto ttlv kmip disk keymgr store operation server seal init console,src/$(room)/*.c)))
support := tests/support/fake_keymgr.c tests/support/sim_disk.c tests/support/ttlv_text.c
helpers := $(filter-out %_fuzz.c tests/fuzz/samples.c,$(wildcard tests/fuzz/*.c))
objects := $(patsubst %.c,$(out)/obj/%.o,$(sources) $(support) $(helpers))
targets := $(patsubst tests/fuzz/%_fuzz.c,$(out)/%,$(wildcard tests/fuzz/*_fuzz.c))

.PHONY: all
all: $(targets)

$(out)/obj/tests/%: flags += -D_GNU_SOURCE=
$(out)/obj/%.o: %.c tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	@$(cc) $(flags) -MMD -MP -c -o $@ $<

$(out)/all.a: $(objects)
	@rm -f $@
	@ar rcs $@ $^

# Randomness comes from tests/fuzz/steady_random.c: an input does the same every time.
$(out)/%: $(out)/obj/tests/fuzz/%_fuzz.o $(out)/obj/tests/fuzz/steady_random.o $(out)/all.a
	@$(cc) -fsanitize=fuzzer,address,undefined -o $@ $^ $(libraries)

.SECONDARY:
-include $(wildcard $(objects:.o=.d) $(out)/obj/tests/fuzz/*.d)
