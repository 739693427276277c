/* bench/empty.c: the calibration of bench/cold: an empty program that forks; its child opens a new database as SQLite alone
 * does it (WAL, synchronous=FULL), commits one row and ends. Prints the CPU of one such round in microseconds, children
 * included: empty FOLDER ROUNDS */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double cpu_us(void)
{
    double sum = 0;

    for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
        struct rusage u;

        getrusage(who, &u);
        sum += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
    }
    return sum;
}

static void commit_once(const char *folder, int i)
{
    char path[4096];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/empty-%d.db", folder, i);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; BEGIN; CREATE TABLE t (x);"
                     "INSERT INTO t VALUES (randomblob(2000)); COMMIT;",
                     NULL, NULL, NULL) != SQLITE_OK)
        _exit(1);
    sqlite3_close(db);
    unlink(path);
    _exit(0);
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? atoi(argv[2]) : 100;
    double before;

    if (argc < 2)
        return 2;
    sqlite3_initialize();
    before = cpu_us();
    for (int i = 0; i < rounds; i++) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
            commit_once(argv[1], i);
        if (waitpid(pid, &status, 0) != pid || status != 0)
            return 1;
    }
    printf("%.0f\n", (cpu_us() - before) / rounds);
    return 0;
}
