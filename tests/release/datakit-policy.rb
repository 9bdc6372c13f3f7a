class DatakitPolicy < Formula
  desc "Shows what the Datakit operator policy injects into Kubernetes workloads"
  homepage "https://github.com/datakit-policy/datakit-operator-policy"
  version "0.1.0"
  license "Apache-2.0"

  on_macos do
    on_intel do
      url "https://github.com/datakit-policy/datakit-operator-policy/releases/download/v0.1.0/datakit-policy-v0.1.0-x86_64-apple-darwin.tar.gz"
      sha256 "checksum of datakit-policy-v0.1.0-x86_64-apple-darwin.tar.gz"
    end
    on_arm do
      url "https://github.com/datakit-policy/datakit-operator-policy/releases/download/v0.1.0/datakit-policy-v0.1.0-aarch64-apple-darwin.tar.gz"
      sha256 "checksum of datakit-policy-v0.1.0-aarch64-apple-darwin.tar.gz"
    end
  end
  on_linux do
    on_intel do
      url "https://github.com/datakit-policy/datakit-operator-policy/releases/download/v0.1.0/datakit-policy-v0.1.0-x86_64-unknown-linux-musl.tar.gz"
      sha256 "checksum of datakit-policy-v0.1.0-x86_64-unknown-linux-musl.tar.gz"
    end
    on_arm do
      url "https://github.com/datakit-policy/datakit-operator-policy/releases/download/v0.1.0/datakit-policy-v0.1.0-aarch64-unknown-linux-musl.tar.gz"
      sha256 "checksum of datakit-policy-v0.1.0-aarch64-unknown-linux-musl.tar.gz"
    end
  end

  def install
    bin.install "datakit-policy"
    generate_completions_from_executable(bin/"datakit-policy", "completions")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/datakit-policy --version")
  end
end
