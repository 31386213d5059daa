# SPDX-License-Identifier: Apache-2.0
#
# make                  build/holdfast, a stripped static-pie for this machine
# make CROSS=aarch64    build/aarch64/holdfast, the same for arm64
# make run              a server on 127.0.0.1:5696 (PORT=...) with an enrolled client, and the probe against it
# make run KEYMANAGER=emulator  the same with two servers (PORT and PORT + 1) and a pretended Key Protect
# make test             all tests
# make bench            measurements, as ratios in one run
# make bench-cloud      the same with an emulated cloud 50 ms away
# make fuzz SECONDS=600 fuzzes every target that long
# make image BOARD=NAME  build/image/NAME: the image of a board in board/, update file, checksums, SBOM
# make flash BOARD=NAME DEV=/dev/sdX  writes that image to a disk after asking, reads it back and compares
# make qemu             boots BOARD=qemu-x86_64 with its console here; FRESH=1 anew, DIRECT=1 without firmware
# make clean            removes build/, but for the libraries; make distclean removes all of it

ARCH    := $(if $(CROSS),$(CROSS),x86_64)
PORT    ?= 5696
SECONDS ?= 600
OUT     := build/$(ARCH)
LIBS    := build/vendor/$(ARCH)
BINARY  := $(if $(CROSS),$(OUT)/holdfast,build/holdfast)

SOURCES := $(wildcard src/*.c src/*/*.c)
# What the server does not need comes first and is not locked in memory: src/server/text.h.
OTHERS  := $(filter src/console/% src/init/% src/seal/%,$(SOURCES))
SOURCES := $(OTHERS) src/server/text.c $(filter-out $(OTHERS) src/server/text.c,$(SOURCES))
OBJECTS := $(SOURCES:src/%.c=$(OUT)/obj/%.o)
VENDOR  := $(patsubst %,$(LIBS)/lib/lib%.a,curl cares bearssl)

WARNINGS := -Wall -Wextra -Wconversion -Wswitch-enum -Wvla -Wshadow -Wstrict-prototypes -Werror
# No tables for unwinding: nothing here throws, and they are an eighth of the binary.
HARDEN   := -fno-asynchronous-unwind-tables -fno-unwind-tables -fPIE -fstack-protector-strong -fstack-clash-protection -ffunction-sections -fdata-sections
HARDEN_x86_64  := -fcf-protection=none
HARDEN_aarch64 := -mbranch-protection=standard -mno-outline-atomics
CFLAGS  := -std=c11 -O2 $(WARNINGS) $(HARDEN) $(HARDEN_$(ARCH)) -Isrc -MMD -MP
LDFLAGS := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--gc-sections,-s

all: $(BINARY)

# The recipes keep their own stamps: asking them costs less than 0.1 s when nothing changed.
vendor:
	@vendor/need gcc make binutils
	@vendor/build $(ARCH) toolchain bearssl c-ares curl jsmn roots

$(OBJECTS): | vendor
$(VENDOR): vendor ;

# Speed is for what serves keys. (What a length can be depends on inlining: so does that warning.)
$(OTHERS:src/%.c=$(OUT)/obj/%.o): CFLAGS += -Os -Wno-format-truncation

# These two are there to do without the C library's memcpy and memset.
$(OUT)/obj/base/copy.o $(OUT)/obj/base/wipe.o: CFLAGS += -fno-tree-loop-distribute-patterns

$(OUT)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "compile $<"
	@$(LIBS)/cc $(CFLAGS) -c $< -o $@

$(BINARY): $(OBJECTS) $(VENDOR)
	@echo "link $@"
	@$(LIBS)/cc $(LDFLAGS) $(OBJECTS) $(VENDOR) -o $@

run: $(BINARY)
	@tests/demo/run$(if $(filter emulator,$(KEYMANAGER)),_cloud) $(BINARY) $(PORT)

test: $(BINARY)
	@tests/run

bench: $(BINARY)
	@tests/bench/run

bench-cloud: $(BINARY)
	@tests/bench/cloud

fuzz:
	@tests/fuzz/run $(SECONDS)

BOARD ?= qemu-x86_64

image:
	@image/build $(BOARD)

flash:
	@image/flash $(if $(filter-out file,$(origin BOARD)),$(BOARD)) $(DEV)

qemu:
	@[ -d build/image/$(BOARD)/parts ] || image/build $(BOARD)
	@$(if $(FRESH),rm -rf build/qemu/$(BOARD).*)
	@image/qemu --board $(BOARD) --port $(PORT) $(if $(DIRECT),--direct)

clean:
	rm -rf build/holdfast build/x86_64 build/aarch64 build/run build/tests build/bench build/fuzz

distclean:
	rm -rf build

.PHONY: all vendor image flash qemu run test bench bench-cloud fuzz clean distclean
-include $(OBJECTS:.o=.d)
