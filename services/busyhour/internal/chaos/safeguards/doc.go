// Package safeguards shows that each safeguard is needed: it takes one out of the code at a time, and the test directed at
// it must fail. The product has no switches for that: the go command compiles the changed text in place of the file
// (-overlay), and nothing in the tree changes.
//
// `scripts/test safeguards` runs it; the table is in table_test.go. If it says that a text is not there, a safeguard was
// reworded: write the new words into the table. If it says that a test stays green, something was lost: the safeguard
// protects nothing any more, or its test has gone soft.
package safeguards
