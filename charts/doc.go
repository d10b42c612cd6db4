// Package charts has no code, only the tests of the Helm chart beside it: what it renders for each of testdata/values is
// kept in testdata/manifests and read as a diff, and every manifest must be one that Kubernetes takes.
//
// The module is not in go.work: Helm's dependencies would choose the versions of ours.
package charts
