# For Homebrew, on macOS and Linux. It was not run: there is no brew where the project is built.
# packaging/checks/recipes.sh lints it, and runs `install` with stand-ins for the commands of Homebrew.
class Secretcat < Formula
  desc "Netcat that knows messages and cuts them on purpose"
  homepage "https://secretcat.example"
  url "https://secretcat.example/releases/v0.1.0/secretcat-0.1.0.tar.gz"
  # packaging/release.sh writes the sum of the source, which a recipe in the source cannot know.
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    man1.install Dir["man/*.1"]
    man5.install Dir["man/*.5"]
    man7.install Dir["man/*.7"]
    bash_completion.install "completions/secretcat.bash" => "secretcat"
    fish_completion.install "completions/secretcat.fish"
    zsh_completion.install "completions/_secretcat"
    system "packaging/documents.sh", doc
  end

  test do
    reply = shell_output("#{bin}/secretcat connect --loopback -m 'My SECRET code is 12345'")
    assert_equal "Digits: 12345   Count: 5\n", reply
  end
end
