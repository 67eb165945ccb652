// Ctrl-C and SIGTERM for commands that take long and can go on later.
#ifndef STRATA_CLIENTS_CLI_INTERRUPT_H_
#define STRATA_CLIENTS_CLI_INTERRUPT_H_

namespace strata::cli {

// From here on the first signal ends the run in order (Interrupted() is true), a second one at
// once.
void EndInOrderOnSignal();

// Safe from any thread.
bool Interrupted();

}  // namespace strata::cli

#endif  // STRATA_CLIENTS_CLI_INTERRUPT_H_
