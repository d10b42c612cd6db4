// Package chart has no code, only the tests that hold the Helm chart and the services together: what the chart tells a
// pod by environment and file must be what its binary knows.
package chart
