# The package for Nix. It was not built: nixpkgs cannot be had where the project is built. packaging/checks/recipes.sh
# evaluates it with a stand-in for nixpkgs.
{
  lib,
  rustPlatform,
  installShellFiles,
}:

let
  manifest = (lib.importTOML ../../Cargo.toml).package;
in
rustPlatform.buildRustPackage {
  pname = manifest.name;
  inherit (manifest) version;

  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The tests want a network of their own and programs to compare with; one message is sent instead.
  doCheck = false;
  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    test "$($out/bin/secretcat connect --loopback -m 'My SECRET code is 12345')" = 'Digits: 12345   Count: 5'
    runHook postInstallCheck
  '';

  postInstall = ''
    installManPage man/*.[157]
    installShellCompletion --cmd secretcat --bash completions/secretcat.bash --fish completions/secretcat.fish \
      --zsh completions/_secretcat
    sh packaging/documents.sh $out/share/doc/secretcat
  '';

  meta = {
    inherit (manifest) description homepage;
    # Either of the two.
    license = with lib.licenses; [
      mit
      asl20
    ];
    mainProgram = "secretcat";
    platforms = lib.platforms.unix;
  };
}
