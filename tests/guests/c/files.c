/* What C's library does to files beyond Rust's: symbolic and hard links, positions, directories by
   descriptor, times, seeking in a listing. Prints what came of each; run with the folder that stands for
   /tmp as its last argument, it prints the same anywhere. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *name_of(int error) {
    switch (error) {
    case 0: return "ok";
    case EBADF: return "EBADF";
    case EEXIST: return "EEXIST";
    case EINVAL: return "EINVAL";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENOENT: return "ENOENT";
    case ENOTDIR: return "ENOTDIR";
    case ENOTEMPTY: return "ENOTEMPTY";
    case EPERM: return "EPERM";
    case ESPIPE: return "ESPIPE";
    default: return strerror(error);
    }
}

static void say(const char *what, long result) {
    printf("%s: %ld %s\n", what, result, result < 0 ? name_of(errno) : "ok");
}

static int stat_at(const char *path, struct stat *to) { return stat(path, to); }

static void positions(void) {
    int fd = open("positions", O_RDWR | O_CREAT | O_EXCL, 0600);
    say("open", fd < 0 ? -1 : 0);
    say("write", write(fd, "0123456789", 10));
    say("pwrite", pwrite(fd, "ab", 2, 4));
    say("position", lseek(fd, 0, SEEK_CUR));
    char bytes[16] = {0};
    say("pread", pread(fd, bytes, 4, 3));
    printf("read %s\n", bytes);
    say("pread beyond", pread(fd, bytes, 4, 30));
    struct iovec parts[3] = {{"one", 3}, {"", 0}, {"three", 5}};
    say("rewind", lseek(fd, 0, SEEK_SET));
    say("writev", writev(fd, parts, 3));
    char first[2] = {0}, second[12] = {0};
    struct iovec into[2] = {{first, 2}, {second, 11}};
    say("rewind", lseek(fd, 0, SEEK_SET));
    say("readv", readv(fd, into, 2));
    printf("read %.2s and %s\n", first, second);
    say("seek badly", lseek(fd, -1, SEEK_SET));
    say("write nothing far away", pwrite(fd, "", 0, (off_t)1 << 40));
    say("truncate", ftruncate(fd, 2));
    struct stat stat;
    say("fstat", fstat(fd, &stat));
    printf("size %ld, links %ld, is file %d\n", (long)stat.st_size, (long)stat.st_nlink, S_ISREG(stat.st_mode));
    say("allocate", posix_fallocate(fd, 0, 100));
    say("fstat", fstat(fd, &stat));
    printf("size %ld\n", (long)stat.st_size);
    say("fsync", fsync(fd));
    say("fdatasync", fdatasync(fd));
    say("advise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    int other = open("positions", O_RDONLY | O_NONBLOCK);
    say("read without waiting", read(other, bytes, 2));
    say("close", close(other));
    say("append from now on", fcntl(fd, F_SETFL, O_APPEND));
    say("flags", (fcntl(fd, F_GETFL) & O_APPEND) != 0);
    say("rewind", lseek(fd, 0, SEEK_SET));
    say("append", write(fd, "end", 3));
    say("position", lseek(fd, 0, SEEK_CUR));
    say("close", close(fd));
    errno = 0;
    say("close again", close(fd));
    say("read closed", read(fd, bytes, 1));
}

static void links(void) {
    char target[64] = {0};
    struct stat stat;
    say("symlink", symlink("positions", "soft"));
    say("symlink again", symlink("positions", "soft"));
    say("readlink", readlink("soft", target, sizeof target));
    printf("leads to %s\n", target);
    say("readlink of file", readlink("positions", target, sizeof target));
    say("readlink cut", readlink("soft", target, 3));
    say("lstat", lstat("soft", &stat));
    printf("is link %d\n", S_ISLNK(stat.st_mode));
    say("stat through", stat_at("soft", &stat));
    printf("is file %d\n", S_ISREG(stat.st_mode));
    say("dangling", symlink("nothing", "dangling"));
    say("stat dangling", stat_at("dangling", &stat));
    int fd = open("dangling", O_WRONLY | O_CREAT, 0600);
    say("create through dangling", fd < 0 ? -1 : 0);
    say("close", close(fd));
    say("is there", stat_at("nothing", &stat));
    say("exclusive through link", open("soft", O_WRONLY | O_CREAT | O_EXCL, 0600));
    say("no follow", open("soft", O_RDONLY | O_NOFOLLOW));
    say("circle", symlink("circle", "circle"));
    say("open circle", open("circle", O_RDONLY));
    say("hard link", link("positions", "hard"));
    say("hard link again", link("positions", "hard"));
    say("stat hard", stat_at("hard", &stat));
    printf("links %ld\n", (long)stat.st_nlink);
    say("unlink", unlink("positions"));
    say("stat hard", stat_at("hard", &stat));
    printf("links %ld, size %ld\n", (long)stat.st_nlink, (long)stat.st_size);
    say("now dangling", stat_at("soft", &stat));
    say("rename link", rename("soft", "softer"));
    say("rename over hard", rename("softer", "hard"));
    say("lstat", lstat("hard", &stat));
    printf("is link %d\n", S_ISLNK(stat.st_mode));
    say("unlink", unlink("hard"));
    say("unlink", unlink("dangling"));
    say("unlink", unlink("circle"));
    say("unlink", unlink("nothing"));
}

static void folders(void) {
    say("mkdir", mkdir("folder", 0700));
    say("mkdir slash", mkdir("folder/inner/", 0700));
    say("mkdir dot", mkdir(".", 0700));
    say("link to folder", symlink("inner", "folder/to"));
    int fd = open("folder", O_RDONLY | O_DIRECTORY);
    say("open folder", fd < 0 ? -1 : 0);
    say("openat", close(openat(fd, "to/../inner/new", O_WRONLY | O_CREAT, 0600)));
    say("file with slash", openat(fd, "inner/new/", O_RDONLY));
    say("read folder", read(fd, &fd, 0) < 0 ? -1 : 0);
    struct stat stat;
    say("fstatat", fstatat(fd, "to/new", &stat, 0));
    say("fstatat of link", fstatat(fd, "to", &stat, AT_SYMLINK_NOFOLLOW));
    say("unlinkat", unlinkat(fd, "to/new", 0));
    say("rmdir of link", unlinkat(fd, "to", AT_REMOVEDIR));
    say("unlink of folder", unlinkat(fd, "inner", 0) < 0 ? -2 : 0);
    say("unlinkat", unlinkat(fd, "to", 0));
    say("rmdir", unlinkat(fd, "inner", AT_REMOVEDIR));
    say("close", close(fd));
    say("rename with slash", rename("folder", "moved/"));
    say("rename back", rename("moved/", "folder"));
    say("rmdir", rmdir("folder"));
    say("rmdir again", rmdir("folder"));
}

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void listings(void) {
    char name[32];
    say("mkdir", mkdir("listing", 0700));
    for (int at = 0; at < 500; at++) {
        snprintf(name, sizeof name, "listing/entry %03d", at);
        close(open(name, O_WRONLY | O_CREAT, 0600));
    }
    DIR *folder = opendir("listing");
    char *names[600];
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL && count < 600;) {
        names[count++] = strdup(entry->d_name);
    }
    rewinddir(folder);
    int again = 0;
    while (readdir(folder) != NULL) again++;
    closedir(folder);
    qsort(names, count, sizeof *names, by_name);
    printf("%d entries, again %d, first %s %s %s, last %s\n", count, again, names[0], names[1], names[2], names[count - 1]);
    for (int at = 0; at < 500; at++) {
        snprintf(name, sizeof name, "listing/entry %03d", at);
        unlink(name);
    }
    say("rmdir", rmdir("listing"));
}

static void times(void) {
    int fd = open("times", O_RDWR | O_CREAT, 0600);
    struct timespec set[2] = {{1000000000, 5000}, {1234567890, 123456000}};
    struct stat stat;
    say("futimens", futimens(fd, set));
    say("fstat", fstat(fd, &stat));
    printf("%ld.%09ld %ld.%09ld\n", (long)stat.st_atim.tv_sec, stat.st_atim.tv_nsec, (long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
    set[0].tv_nsec = UTIME_OMIT;
    set[1].tv_sec = 77;
    say("utimensat", utimensat(AT_FDCWD, "times", set, 0));
    say("stat", stat_at("times", &stat));
    printf("%ld %ld\n", (long)stat.st_atim.tv_sec, (long)stat.st_mtim.tv_sec);
    close(fd);
    say("unlink", unlink("times"));
}

static void world(void) {
    struct timespec began, ended, resolution, wait = {0, 2000000};
    char bytes[8];
    say("resolution", clock_getres(CLOCK_MONOTONIC, &resolution));
    say("time", clock_gettime(CLOCK_MONOTONIC, &began));
    say("sleep", nanosleep(&wait, NULL));
    say("yield", sched_yield());
    say("time", clock_gettime(CLOCK_MONOTONIC, &ended));
    long passed = (ended.tv_sec - began.tv_sec) * 1000000000l + ended.tv_nsec - began.tv_nsec;
    say("slept", passed >= 2000000);
    struct timespec until = {ended.tv_sec, ended.tv_nsec};
    say("sleep until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    say("resolution", clock_getres(CLOCK_REALTIME, &resolution));
    say("time", clock_gettime(CLOCK_REALTIME, &ended) < 0 || ended.tv_sec < 1577836800);
    say("variable", getenv("NO_SUCH_VARIABLE") != NULL);
    say("terminals", isatty(0) || isatty(1) || isatty(2));
    say("standard input", read(0, bytes, 1));
    struct pollfd ready = {1, POLLOUT, 0};
    say("poll", poll(&ready, 1, 1000));
    ready = (struct pollfd){0, POLLIN, 0};
    say("poll for input", poll(&ready, 1, 1000));
    say("nothing to poll", poll(NULL, 0, 2));
    say("entropy", getentropy(bytes, sizeof bytes));
}

int main(int count, char **arguments) {
    if (chdir(count > 1 ? arguments[count - 1] : "/tmp") != 0) {
        perror("chdir");
        return 1;
    }
    positions();
    links();
    folders();
    listings();
    times();
    world();
    return 0;
}
