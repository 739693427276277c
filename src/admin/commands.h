/* admin/commands.h: every command, declared once. From its row come the parser of the command line, the check in the process
 * that answers, usage, manual, completion and the JSON schemas (admin/table.h and what stands beside it).
 *
 *     COMMAND(NAME, name, "noun", "verb", BY, RIGHT, SHAPE, "what it does")
 *
 * BY says who carries it out: COMMAND_LINE itself, or in the running server the SUPERVISOR or the DIRECTORY. RIGHT is what it
 * needs: NOTHING; the data FOLDER, as a file; to SEE accounts, to CHANGE them, to give out or end what opens them (SECRETS).
 * SHAPE is its answer: an OBJECT, ROWS (a list of objects that comes in pages), LINES (an object a line), or TEXT.
 *
 * Each row has two lists. ADMIN_TAKES_name: its words in their order, then its options:
 *
 *     A(KIND, name, TYPE, "spelling", "PLACEHOLDER", least, most, "default", "help")
 *
 * KIND: WORD, MAYBE (a word that may be left out), OPTION, NEEDED (an option that must be given), SOME (of these at least one
 * must), REPEATED (an option that may be given several times). least and most bound a number, or the length of a text. The
 * name is what the value is called between processes and in struct admin_call. ADMIN_GIVES_name: the fields of its answer, in
 * the order of columns:
 *
 *     F(TYPE, "name", ALWAYS | MAYBE, fields inside or none, "help")
 *
 * A field "*" stands for any others of its type. */
#ifndef ADMIN_COMMANDS_H
#define ADMIN_COMMANDS_H

/* clang-format off */
#define ADMIN_COMMANDS(COMMAND) \
    COMMAND(INIT, init, "init", "", COMMAND_LINE, FOLDER, OBJECT, \
            "Makes a data folder: settings, a self-signed certificate, the server key.") \
    COMMAND(SERVE, serve, "serve", "", COMMAND_LINE, FOLDER, TEXT, \
            "Serves until SIGTERM, which finishes what is under way within ten seconds. SIGHUP reads settings and certificates again.") \
    COMMAND(STATUS, status, "status", "", SUPERVISOR, SEE, OBJECT, \
            "Shows what runs, what waits, what was refused, and what needs attention.") \
    COMMAND(RELOAD, reload, "reload", "", SUPERVISOR, CHANGE, OBJECT, \
            "Reads settings and certificates again, as SIGHUP does.") \
    COMMAND(DOMAIN_ADD, domain_add, "domain", "add", DIRECTORY, CHANGE, OBJECT, \
            "Accepts mail for a domain from now on.") \
    COMMAND(DOMAIN_LIST, domain_list, "domain", "list", DIRECTORY, SEE, ROWS, \
            "Lists the domains.") \
    COMMAND(ACCOUNT_ADD, account_add, "account", "add", DIRECTORY, SECRETS, OBJECT, \
            "Makes an account. Its password is made and shown once, or read with --password-stdin.") \
    COMMAND(ACCOUNT_LIST, account_list, "account", "list", DIRECTORY, SEE, ROWS, \
            "Lists the accounts.") \
    COMMAND(ACCOUNT_SHOW, account_show, "account", "show", DIRECTORY, SEE, OBJECT, \
            "Shows what the directory knows of an account.") \
    COMMAND(ACCOUNT_SET, account_set, "account", "set", DIRECTORY, CHANGE, OBJECT, \
            "Changes the quota and other settings of an account. What is not named stays as it is.") \
    COMMAND(ACCOUNT_PASSWORD, account_password, "account", "password", DIRECTORY, SECRETS, OBJECT, \
            "Gives an account a new password; sessions that the old one opened end. App passwords stay.") \
    COMMAND(ACCOUNT_CHECK, account_check, "account", "check", DIRECTORY, CHANGE, OBJECT, \
            "Reads all mail of an account, recomputes every derived number and compares. Fails if anything differs.") \
    COMMAND(ACCOUNT_REMOVE, account_remove, "account", "remove", DIRECTORY, SECRETS, OBJECT, \
            "Destroys an account's key, then its files. Nothing can bring the mail back.") \
    COMMAND(APP_PASSWORD_ADD, app_password_add, "app-password", "add", DIRECTORY, SECRETS, OBJECT, \
            "Makes a password for one device or program of an account, and shows it once.") \
    COMMAND(APP_PASSWORD_LIST, app_password_list, "app-password", "list", DIRECTORY, SEE, ROWS, \
            "Lists the app passwords of an account.") \
    COMMAND(APP_PASSWORD_END, app_password_end, "app-password", "end", DIRECTORY, SECRETS, OBJECT, \
            "Deletes an app password; sessions that it opened end.") \
    COMMAND(ALIAS_ADD, alias_add, "alias", "add", DIRECTORY, CHANGE, OBJECT, \
            "Gives an account another address.") \
    COMMAND(ALIAS_LIST, alias_list, "alias", "list", DIRECTORY, SEE, ROWS, \
            "Lists the aliases of all accounts.") \
    COMMAND(ALIAS_REMOVE, alias_remove, "alias", "remove", DIRECTORY, CHANGE, OBJECT, \
            "Removes an alias.") \
    COMMAND(AUDIT_LIST, audit_list, "audit", "list", DIRECTORY, SEE, ROWS, \
            "Lists who did what to whom, oldest first.") \
    COMMAND(AUDIT_VERIFY, audit_verify, "audit", "verify", DIRECTORY, SEE, OBJECT, \
            "Checks that the audit log is unchanged. Keep its last hash elsewhere: only that shows whether the end was cut off.") \
    COMMAND(LOG, log, "log", "", COMMAND_LINE, FOLDER, LINES, \
            "Shows the log.") \
    COMMAND(TRACE, trace, "trace", "", COMMAND_LINE, FOLDER, LINES, \
            "Follows one session or message through all processes. Its id is in the answer to its data (250 2.0.0 Message taken as ID) and in every line of the log.") \
    COMMAND(CONFIG_CHECK, config_check, "config", "check", COMMAND_LINE, FOLDER, OBJECT, \
            "Reads the settings, the certificate and its key, and says what is wrong with them.") \
    COMMAND(CONFIG_SHOW, config_show, "config", "show", COMMAND_LINE, FOLDER, OBJECT, \
            "Prints the settings that are in force.") \
    COMMAND(COMPLETION, completion, "completion", "", COMMAND_LINE, NOTHING, TEXT, \
            "Prints the script with which a shell completes commands. Put it into the shell's folder of completions, or say `source <(posthus completion bash)`.") \
    COMMAND(SCHEMA, schema, "schema", "", COMMAND_LINE, NOTHING, TEXT, \
            "Prints all commands as JSON: for each, what it takes and, as JSON Schema, what it answers with --json.") \
    COMMAND(VERSION, version, "version", "", COMMAND_LINE, NOTHING, OBJECT, \
            "Prints the version.") \
    COMMAND(HELP, help, "help", "", COMMAND_LINE, NOTHING, TEXT, \
            "Lists all commands or those of a noun, or explains one command.")

/* A second spelling of a row. */
#define ADMIN_SYNONYMS(SYNONYM) \
    SYNONYM("account", "app-password", APP_PASSWORD_ADD)

/* What every command takes besides its own. */
#define ADMIN_TAKES_everywhere(A) \
    A(OPTION, data, FOLDER, "--data", "DIR", 1, 4000, "", "the data folder; without it $POSTHUS_DATA, or /var/lib/posthus") \
    A(OPTION, json, FLAG, "--json", "", 0, 0, "", "answer with JSON, for programs") \
    A(OPTION, help, FLAG, "--help", "", 0, 0, "", "explain the command, and do nothing else")

#define ADMIN_TAKES_init(A) \
    A(OPTION, hostname, TEXT, "--hostname", "NAME", 1, 255, "localhost", "the name the server calls itself, also in its certificate") \
    A(REPEATED, set, SETTING, "--set", "KEY=VALUE", 1, 4000, "", "a line of the settings; posthus.conf(5) has all of them")
#define ADMIN_GIVES_init(F) \
    F(TEXT, "data", ALWAYS, none, "the data folder that was made")

#define ADMIN_TAKES_serve(A) \
    A(OPTION, ready_fd, NUMBER, "--ready-fd", "N", 0, 1000, "", "a descriptor to which one byte is written when the ports answer")
#define ADMIN_GIVES_serve(F)

#define ADMIN_TAKES_status(A) \
    A(OPTION, counters, FLAG, "--counters", "", 0, 0, "", "also all that is counted, process by process")
#define ADMIN_GIVES_status(F) \
    F(TEXT, "version", ALWAYS, none, "the version that is running") \
    F(TEXT, "state", ALWAYS, none, "starting, serving or stopping") \
    F(TEXT, "data", ALWAYS, none, "the data folder") \
    F(TIME, "started", ALWAYS, none, "when the server was started") \
    F(NUMBER, "uptime_s", ALWAYS, none, "seconds since then") \
    F(MAP, "processes", ALWAYS, role, "the roles by their names, with their processes") \
    F(OBJECT, "waiting", ALWAYS, waiting, "what waits") \
    F(OBJECT, "refused", ALWAYS, refused, "what was refused because of a limit, by its counter, where it is not 0") \
    F(OBJECT, "disk", ALWAYS, disk, "the file system of the data folder") \
    F(NUMBER, "problem_accounts", MAYBE, none, "how many accounts have a problem; missing where the directory did not say") \
    F(ROWS, "problems", ALWAYS, problem, "the first of those accounts") \
    F(TEXTS, "attention", ALWAYS, none, "what needs attention, in words; empty: all is well")

#define ADMIN_TAKES_reload(A)
#define ADMIN_GIVES_reload(F) \
    F(YESNO, "reloaded", ALWAYS, none, "true") \
    F(TEXT, "next_start", MAYBE, none, "settings that were changed and wait for the next start, with spaces between")

#define ADMIN_TAKES_domain_add(A) \
    A(WORD, domain, DOMAIN, "NAME", "NAME", 1, 255, "", "a domain such as example.org")
#define ADMIN_GIVES_domain_add(F) \
    F(TEXT, "domain", ALWAYS, none, "the domain")

#define ADMIN_TAKES_domain_list(A)
#define ADMIN_GIVES_domain_list(F) \
    F(TEXT, "domain", ALWAYS, none, "the domain") \
    F(NUMBER, "addresses", ALWAYS, none, "how many addresses it has")

#define ADMIN_TAKES_account_add(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "the account's own address, in a domain that `domain add` has made") \
    A(OPTION, quota, SIZE, "--quota", "BYTES", 0, INT64_MAX, "", "what it may hold, such as 500M or 20G; 0: no limit. Without it, the setting quota") \
    A(OPTION, app_password, FLAG, "--app-password", "", 0, 0, "", "an app password instead of a person's password") \
    A(OPTION, many, NUMBER, "--many", "N", 1, 100000, "1", "that many accounts with one password, where ADDRESS is a pattern such as user%04d@example.org") \
    A(OPTION, password_stdin, FLAG, "--password-stdin", "", 0, 0, "", "read the password from standard input")
#define ADMIN_GIVES_account_add(F) \
    F(TEXT, "account", ALWAYS, none, "the account's address, of several the first") \
    F(NUMBER, "accounts", MAYBE, none, "how many were made, where --many was given") \
    F(TEXT, "password", MAYBE, none, "the password, where it was made here") \
    F(TEXT, "app_password", MAYBE, none, "the app password, where it was made here")

#define ADMIN_TAKES_account_list(A) \
    A(OPTION, problems, FLAG, "--problems", "", 0, 0, "", "only those that have a problem")
#define ADMIN_GIVES_account_list(F) \
    F(TEXT, "account", ALWAYS, none, "the account's address") \
    F(SIZE, "quota", ALWAYS, none, "bytes it may hold; 0: no limit") \
    F(TEXT, "problem", MAYBE, none, "why it could not be opened the last time, or what the last check found")

#define ADMIN_TAKES_account_show(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account")
#define ADMIN_GIVES_account_show(F) \
    F(TEXT, "account", ALWAYS, none, "the account's own address") \
    F(NUMBER, "number", ALWAYS, none, "its number, which names its files (in hexadecimal) and its key") \
    F(SIZE, "quota", ALWAYS, none, "bytes it may hold; 0: no limit") \
    F(YESNO, "subaddress_folders", ALWAYS, none, "whether mail to name+folder goes to that folder") \
    F(TEXT, "problem", MAYBE, none, "why it could not be opened the last time, or what the last check found") \
    F(TEXTS, "aliases", ALWAYS, none, "its other addresses") \
    F(ROWS, "credentials", ALWAYS, credential, "the passwords that open it")

#define ADMIN_TAKES_account_set(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account") \
    A(SOME, quota, SIZE, "--quota", "BYTES", 0, INT64_MAX, "", "what it may hold, such as 500M or 20G; 0: no limit") \
    A(SOME, subaddress_folders, YESNO, "--subaddress-folders", "yes|no", 0, 0, "", "whether mail to name+folder goes to that folder, where there is one")
#define ADMIN_GIVES_account_set(F) \
    F(TEXT, "account", ALWAYS, none, "the account's own address") \
    F(SIZE, "quota", ALWAYS, none, "bytes it may hold; 0: no limit") \
    F(YESNO, "subaddress_folders", ALWAYS, none, "whether mail to name+folder goes to that folder")

#define ADMIN_TAKES_account_password(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account") \
    A(OPTION, password_stdin, FLAG, "--password-stdin", "", 0, 0, "", "read the password from standard input; without it one is made")
#define ADMIN_GIVES_account_password(F) \
    F(TEXT, "account", ALWAYS, none, "the account's own address") \
    F(TEXT, "password", MAYBE, none, "the password, where it was made here")

#define ADMIN_TAKES_account_check(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account") \
    A(OPTION, repair, FLAG, "--repair", "", 0, 0, "", "put right what differs")
#define ADMIN_GIVES_account_check(F) \
    F(TEXT, "account", ALWAYS, none, "the account's own address") \
    F(YESNO, "ok", ALWAYS, none, "whether all is as it should be") \
    F(TEXT, "report", ALWAYS, none, "what was found, in lines")

#define ADMIN_TAKES_account_remove(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "the account's own address; an alias will not do")
#define ADMIN_GIVES_account_remove(F) \
    F(TEXT, "removed", ALWAYS, none, "the address")

#define ADMIN_TAKES_app_password_add(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account") \
    A(NEEDED, name, TEXT, "--name", "NAME", 1, 200, "", "which device or program it is for") \
    A(OPTION, scope, SERVICES, "--scope", "SERVICES", 1, 199, "all", "what it opens, several in quotes with spaces between them") \
    A(OPTION, read_only, FLAG, "--read-only", "", 0, 0, "", "it may read, but change nothing") \
    A(OPTION, days, NUMBER, "--days", "N", 1, 36500, "", "it expires after that many days; without it never") \
    A(OPTION, password_stdin, FLAG, "--password-stdin", "", 0, 0, "", "read it from standard input: 26 characters of a-z and 2-7")
#define ADMIN_GIVES_app_password_add(F) \
    F(TEXT, "account", ALWAYS, none, "the account's own address") \
    F(NUMBER, "id", ALWAYS, none, "its number, for app-password end") \
    F(TEXT, "app_password", MAYBE, none, "the app password, where it was made here")

#define ADMIN_TAKES_app_password_list(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account")
#define ADMIN_GIVES_app_password_list(F) \
    ADMIN_GIVES_app_password(F)

#define ADMIN_TAKES_app_password_end(A) \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account") \
    A(WORD, id, NUMBER, "ID", "ID", 1, INT64_MAX, "", "its number, as app-password list shows it")
#define ADMIN_GIVES_app_password_end(F) \
    F(TEXT, "account", ALWAYS, none, "the account's own address") \
    F(NUMBER, "ended", ALWAYS, none, "the number of the app password")

#define ADMIN_TAKES_alias_add(A) \
    A(WORD, alias, ADDRESS, "ALIAS", "ALIAS", 3, 600, "", "the new address") \
    A(WORD, address, ADDRESS, "ADDRESS", "ADDRESS", 3, 600, "", "an address of the account that gets its mail")
#define ADMIN_GIVES_alias_add(F) \
    F(TEXT, "alias", ALWAYS, none, "the new address") \
    F(TEXT, "account", ALWAYS, none, "the account's own address")

#define ADMIN_TAKES_alias_list(A)
#define ADMIN_GIVES_alias_list(F) \
    F(TEXT, "alias", ALWAYS, none, "the alias") \
    F(TEXT, "account", ALWAYS, none, "the account that gets its mail")

#define ADMIN_TAKES_alias_remove(A) \
    A(WORD, alias, ADDRESS, "ALIAS", "ALIAS", 3, 600, "", "the alias")
#define ADMIN_GIVES_alias_remove(F) \
    F(TEXT, "removed", ALWAYS, none, "the alias")

#define ADMIN_TAKES_audit_list(A)
#define ADMIN_GIVES_audit_list(F) \
    F(NUMBER, "row", ALWAYS, none, "1, 2, 3 ...") \
    F(TIME, "time", ALWAYS, none, "when") \
    F(TEXT, "who", ALWAYS, none, "who did it") \
    F(TEXT, "what", ALWAYS, none, "what was done") \
    F(TEXT, "object", ALWAYS, none, "to whom or what") \
    F(TEXT, "detail", ALWAYS, none, "more words, or nothing")

#define ADMIN_TAKES_audit_verify(A)
#define ADMIN_GIVES_audit_verify(F) \
    F(YESNO, "ok", ALWAYS, none, "true") \
    F(NUMBER, "rows", ALWAYS, none, "how many rows it has") \
    F(TEXT, "last_hash", ALWAYS, none, "the hash of the last row, in hexadecimal")

#define ADMIN_TAKES_log(A) \
    A(OPTION, follow, FLAG, "-f", "", 0, 0, "", "go on with what is written from now on") \
    A(OPTION, role, TEXT, "--role", "NAME", 1, 100, "", "only lines of this process") \
    A(OPTION, event, TEXT, "--event", "NAME", 1, 100, "", "only lines of this event") \
    A(OPTION, lines, NUMBER, "--lines", "N", 1, 100000000, "100", "the last N lines")
#define ADMIN_GIVES_log(F) \
    ADMIN_GIVES_log_line(F)

#define ADMIN_TAKES_trace(A) \
    A(WORD, id, TEXT, "ID", "ID", 1, 200, "", "the id of the session or message")
#define ADMIN_GIVES_trace(F) \
    ADMIN_GIVES_log_line(F)

#define ADMIN_TAKES_config_check(A)
#define ADMIN_GIVES_config_check(F) \
    F(YESNO, "ok", ALWAYS, none, "true")

#define ADMIN_TAKES_config_show(A) \
    A(OPTION, sample, FLAG, "--sample", "", 0, 0, "", "instead, all settings with their help and defaults, as a file") \
    A(OPTION, man, FLAG, "--man", "", 0, 0, "", "instead, the manual page posthus.conf(5)") \
    A(OPTION, fingerprint, FLAG, "--fingerprint", "", 0, 0, "", "instead, the SHA-256 of the certificate in use")
#define ADMIN_GIVES_config_show(F) \
    F(SETTINGS, "*", ALWAYS, none, "every setting of posthus.conf(5)")

#define ADMIN_TAKES_completion(A) \
    A(WORD, shell, CHOICE, "SHELL", "bash", 0, 0, "", "the shell")
#define ADMIN_GIVES_completion(F)

#define ADMIN_TAKES_schema(A)
#define ADMIN_GIVES_schema(F)

#define ADMIN_TAKES_version(A)
#define ADMIN_GIVES_version(F) \
    F(TEXT, "version", ALWAYS, none, "the version of this program")

#define ADMIN_TAKES_help(A) \
    A(MAYBE, noun, TEXT, "NOUN", "NOUN", 1, 100, "", "the first word of a command") \
    A(MAYBE, verb, TEXT, "VERB", "VERB", 1, 100, "", "its second word") \
    A(OPTION, man, FLAG, "--man", "", 0, 0, "", "instead, the part on commands of the manual page posthus(8)")
#define ADMIN_GIVES_help(F)

/* ---- fields inside others ---- */

#define ADMIN_INSIDE(GROUP) \
    GROUP(process) GROUP(role) GROUP(waiting) GROUP(refused) GROUP(disk) GROUP(problem) GROUP(credential)

#define ADMIN_GIVES_process(F) \
    F(NUMBER, "pid", ALWAYS, none, "its process id; 0: it is not running") \
    F(YESNO, "ready", ALWAYS, none, "whether it serves") \
    F(NUMBER, "restarts", ALWAYS, none, "how often it was restarted") \
    F(NUMBER, "up_s", MAYBE, none, "seconds since it was last started, while it runs") \
    F(YESNO, "answers", MAYBE, none, "false: it did not report its counters") \
    F(NUMBER, "*", MAYBE, none, "what it has counted since then")

#define ADMIN_GIVES_role(F) \
    F(NUMBER, "pid", ALWAYS, none, "the process id of its first process; 0: it is not running") \
    F(YESNO, "ready", ALWAYS, none, "whether all of its processes serve") \
    F(NUMBER, "restarts", ALWAYS, none, "how often they were restarted") \
    F(NUMBER, "up_s", MAYBE, none, "seconds since the youngest was started") \
    F(YESNO, "answers", MAYBE, none, "false: one of them did not report its counters") \
    F(ROWS, "instances", ALWAYS, process, "its processes, one by one") \
    F(NUMBER, "*", MAYBE, none, "what they have counted together")

#define ADMIN_GIVES_waiting(F) \
    F(NUMBER, "queue", ALWAYS, none, "messages in the queue") \
    F(NUMBER, "queue_oldest_s", ALWAYS, none, "seconds that the oldest of them has waited") \
    F(NUMBER, "requests", ALWAYS, none, "requests between processes without an answer yet") \
    F(NUMBER, "hashes", ALWAYS, none, "passwords that wait to be checked")

#define ADMIN_GIVES_refused(F) \
    F(NUMBER, "*", MAYBE, none, "how often")

#define ADMIN_GIVES_disk(F) \
    F(SIZE, "free", ALWAYS, none, "bytes that are free") \
    F(SIZE, "reserve", ALWAYS, none, "bytes below which mail is refused with 452 (the setting disk-reserve)")

#define ADMIN_GIVES_problem(F) \
    F(TEXT, "account", ALWAYS, none, "the account's address") \
    F(TEXT, "problem", ALWAYS, none, "why it could not be opened the last time, or what the last check found")

#define ADMIN_GIVES_app_password(F) \
    F(NUMBER, "id", ALWAYS, none, "its number, for app-password end") \
    F(TEXT, "name", ALWAYS, none, "what its owner calls it") \
    F(TEXT, "scope", ALWAYS, none, "what it opens") \
    F(YESNO, "read_only", ALWAYS, none, "whether it may only read") \
    F(TIME, "created", ALWAYS, none, "when it was made") \
    F(TIME, "expires", MAYBE, none, "when it expires; missing: never")

#define ADMIN_GIVES_credential(F) \
    F(TEXT, "kind", ALWAYS, none, "password (a person's) or app") \
    ADMIN_GIVES_app_password(F)

#define ADMIN_GIVES_log_line(F) \
    F(TIME, "time", ALWAYS, none, "when") \
    F(TEXT, "role", ALWAYS, none, "which process") \
    F(TEXT, "id", ALWAYS, none, "the session or message, - where there is none") \
    F(TEXT, "event", ALWAYS, none, "what happened") \
    F(TEXT, "*", MAYBE, none, "the further words of the line, key=value")
/* clang-format on */

#endif
