# SPDX-License-Identifier: Apache-2.0
# Builds what tests/scenario/run runs, with the objects and flags of the unit tests; called from the top folder.
include tests/unit/unit.mk

stories := $(patsubst tests/scenario/%.c,$(out)/scenario_%,$(wildcard tests/scenario/*.c))

.PHONY: stories
stories: $(stories)

$(out)/scenario_%: tests/scenario/%.c $(out)/all.a tests/scenario/scenario.mk tests/unit/unit.mk
	@rm -f $@
	@$(cc) $(flags) -D_GNU_SOURCE -MMD -MP -MF $@.d -o $@ $< $(out)/all.a $(libraries)

-include $(wildcard $(stories:=.d))
