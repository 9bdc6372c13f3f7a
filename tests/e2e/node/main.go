// Command node is what runs pods: the kubelet, the scheduler and the controllers of Kubernetes in one program, which is the
// one that its first argument names. One program is a third of the size of three.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	os.Exit(cli.Run(command()))
}

func command() *cobra.Command {
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = append(os.Args[:1], os.Args[2:]...)
	}
	switch name {
	case "kubelet":
		return kubelet.NewKubeletCommand()
	case "scheduler":
		return scheduler.NewSchedulerCommand()
	case "controllers":
		return controllers.NewControllerManagerCommand()
	}
	fmt.Fprintln(os.Stderr, "the first argument is kubelet, scheduler or controllers")
	os.Exit(2)
	return nil
}
