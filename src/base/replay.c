/* base/replay.c: see replay.h. */
#include "base/replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void replay_file(const char *path)
{
    uint8_t piece[65536], *exact;
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        fatal("cannot open %s", path);
    n = fread(piece, 1, sizeof piece, f);
    fclose(f);
    exact = mem_alloc(n);
    memcpy(exact, piece, n);
    LLVMFuzzerTestOneInput(exact, n);
    mem_free(exact);
}

size_t replay_corpus(const char *name)
{
    const char *given = getenv("POSTHUS_TEST_DATA"), *slash = strrchr(__FILE__, '/');
    char folder[1000], path[1400];
    struct dirent *entry;
    size_t files = 0;
    DIR *dir;

    if (given)
        snprintf(folder, sizeof folder, "%s/fuzz/%s", given, name);
    else
        snprintf(folder, sizeof folder, "%.*s/../../tests/data/fuzz/%s", (int)(slash - __FILE__),
                 __FILE__, name);
    if (!(dir = opendir(folder)))
        fatal("cannot open %s", folder);
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        replay_file(path);
        files++;
    }
    closedir(dir);
    return files;
}
