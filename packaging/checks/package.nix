# Evaluates packaging/nix/package.nix through flake.nix with a stand-in for nixpkgs: what they take of it, and no more.
let
  licenses = { mit = "MIT"; asl20 = "Apache-2.0"; };
  lib = {
    inherit licenses;
    importTOML = file: builtins.fromTOML (builtins.readFile file);
    cleanSource = source: source;
    platforms.unix = [ "unix" ];
    genAttrs = names: make: builtins.listToAttrs (map (name: { inherit name; value = make name; }) names);
  };
  rustPlatform.buildRustPackage = package: package // { outPath = "/out"; };
  packages = {
    callPackage = file: extra: import file ({ inherit lib rustPlatform; installShellFiles = "installShellFiles"; } // extra);
    mkShell = shell: shell;
  };
  systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
  nixpkgs = { inherit lib; legacyPackages = lib.genAttrs systems (_: packages); };
  flake = (import ../../flake.nix).outputs { self = flake; inherit nixpkgs; };
  package = flake.packages.x86_64-linux.default;
in
{
  inherit (package) pname version postInstall installCheckPhase nativeBuildInputs;
  inherit (package.meta) description homepage license mainProgram;
  lock = toString package.cargoLock.lockFile;
  source = toString package.src;
  program = flake.apps.aarch64-darwin.default.program;
  shell = map (input: input.pname) flake.devShells.x86_64-linux.default.inputsFrom;
}
