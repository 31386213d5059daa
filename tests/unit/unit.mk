# SPDX-License-Identifier: Apache-2.0
# Builds what tests/unit/run runs; called from the top folder. Every object comes out on its own, so that a file that
# does not compile costs only the programs that need it (run says which).
out := build/tests/unit
cc := gcc
sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all
flags := -std=c11 -Wall -Wextra -Werror -g -O1 -fno-omit-frame-pointer $(sanitize) -Isrc -Itests -Ibuild/vendor/host/include
libraries := $(patsubst %,build/vendor/host/lib/lib%.a,curl cares bearssl) -lcmocka -lm

# malloc.c is for the image alone: the sanitizers have an allocator of their own.
sources := $(filter-out src/keymgr/malloc.c,\
	$(wildcard $(foreach room,base crypto ttlv kmip disk keymgr store operation server console seal init,src/$(room)/*.c)))
support := $(wildcard tests/support/*.c)
objects := $(patsubst %.c,$(out)/obj/%.o,$(sources) $(support))
programs := $(patsubst tests/unit/%.c,$(out)/%,$(wildcard tests/unit/*.c))

.PHONY: objects archive programs
objects: $(objects)
# The tests use mkdtemp, pipe2 and their kind. Empty, as files define it themselves.
$(out)/obj/tests/%: flags += -D_GNU_SOURCE=
programs: $(programs)

$(out)/obj/%.o: %.c tests/unit/unit.mk
	@mkdir -p $(@D)
	@rm -f $@
	@$(cc) $(flags) -MMD -MP -c -o $@ $<

# Made of the objects that exist: run makes the objects first and goes on when some fail.
archive:
	@rm -f $(out)/all.a.new
	@ar rcs $(out)/all.a.new $(wildcard $(objects))
	@cmp -s $(out)/all.a.new $(out)/all.a || mv $(out)/all.a.new $(out)/all.a

$(out)/%: tests/unit/%.c $(out)/all.a tests/unit/unit.mk
	@rm -f $@
	@$(cc) $(flags) -D_GNU_SOURCE= -DFOLDER=\"tests\" -MMD -MP -MF $@.d -o $@ $< $(out)/all.a $(libraries)

-include $(wildcard $(objects:.o=.d) $(programs:=.d))
