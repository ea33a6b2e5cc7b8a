# Runs a formula with stand-ins for what it uses of Homebrew, and prints its facts.
#
#   ruby packaging/checks/formula.rb FORMULA BINARY PREFIX
#
# The source is in the current directory. In the place of cargo, BINARY is installed. Fails if a file that the formula
# installs does not exist, if its test fails, or if it uses a command that is not here.
require "fileutils"
require "pathname"

# A directory that files are installed into.
class Place < Pathname
  def /(other)
    Place.new(super)
  end

  def install(*sources)
    mkpath
    sources.flatten.each do |source|
      pairs = source.is_a?(Hash) ? source : { source => File.basename(source) }
      pairs.each { |from, name| FileUtils.cp_r(from, self / name) }
    end
  end
end

# The base of a formula.
class Formula
  PREFIX = Place.new(ARGV.fetch(2))
  PLACES = {
    bin: "bin", man1: "share/man/man1", man5: "share/man/man5", man7: "share/man/man7",
    doc: "share/doc/secretcat", bash_completion: "etc/bash_completion.d", fish_completion: "share/fish/vendor_completions.d",
    zsh_completion: "share/zsh/site-functions"
  }.freeze
  PLACES.each { |name, path| define_method(name) { PREFIX / path } }

  class << self
    attr_reader :block

    %i[desc homepage url sha256 license depends_on].each do |fact|
      define_method(fact) { |*values| puts "#{fact}: #{values.inspect}" }
    end

    def test(&block)
      @block = block
    end
  end

  def std_cargo_args
    ["--locked", "--root", PREFIX.to_s, "--path", "."]
  end

  def system(*words)
    return Kernel.system(*words.map(&:to_s), exception: true) if words == ["packaging/documents.sh", doc]

    abort "the formula runs #{words}" unless words.take(2) == %w[cargo install] && words.drop(2) == std_cargo_args
    bin.install ARGV.fetch(1) => "secretcat"
  end

  def shell_output(command)
    output = `#{command}`
    abort "#{command} ends with #{$?.exitstatus}" unless $?.success?
    output
  end

  def assert_equal(expected, actual)
    abort "expected #{expected.inspect}, got #{actual.inspect}" unless expected == actual
  end
end

load ARGV.fetch(0)
formula = Secretcat.new
formula.install
formula.instance_exec(&Secretcat.block)
